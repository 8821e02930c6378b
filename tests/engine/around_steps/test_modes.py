"""Torch's modes around a step: default devices and dtypes, inference, torch.func; nothing of them stays."""

import ast
import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import TorchDispatchMode

import thalweg as optim

RULES = {
    "AdamW": lambda params: optim.AdamW(params, lr=0.1, engine="eager"),
    "Muon": lambda params: optim.Muon(params, lr=0.1),
    "SOAP": lambda params: optim.SOAP(params, lr=0.1),
    "GaLore": lambda params: optim.GaLore(params, rank=2, lr=0.1),
    "Prodigy": lambda params: optim.Prodigy(params, max_grad_norm=0.5),
    "LBFGS": lambda params: optim.LBFGS(params, lr=0.1),
}
ROOT = Path(optim.__file__).parent
MAKERS = {maker.__name__ for maker in _device_constructors()}


def weights():
    return nn.Parameter(torch.arange(12.0).reshape(4, 3).sin())


def stepped(kind, mode=None):
    """Two steps, the first in a mode; the gradient is computed within it."""
    param = weights()
    optimizer = RULES[kind]([param])

    def closure():
        param.grad = None
        loss = (param**4).sum()
        loss.backward()
        return loss

    for step in range(2):
        if kind == "LBFGS":
            take = lambda: optimizer.step(closure)  # noqa: E731
        else:
            closure()
            take = optimizer.step
        if mode is None or step:
            take()
        else:
            with mode():
                take()
    return param


class DefaultDtype:
    def __enter__(self):
        torch.set_default_dtype(torch.float16)

    def __exit__(self, *_):
        torch.set_default_dtype(torch.float32)


MODES = {"inference": torch.inference_mode, "meta": lambda: torch.device("meta"), "float16": DefaultDtype}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("kind", RULES)
def test_a_step_in_a_mode_has_the_same_bits_and_leaves_nothing_of_it(kind, mode):
    assert torch.equal(stepped(kind), stepped(kind, mode))


@pytest.mark.parametrize("kind", ["AdamW", "Muon", "SOAP", "GaLore"])
@pytest.mark.parametrize("transform", [torch.func.grad, torch.vmap], ids=["grad", "vmap"])
def test_a_gradient_inside_of_torch_func_is_refused_before_anything_changes(kind, transform):
    other, param = weights(), weights()
    optimizer = RULES[kind]([other, param])

    def loss(x):
        other.grad, param.grad = torch.ones(4, 3), x.expand(4, 3)
        optimizer.step()
        return x.sum()

    with pytest.raises(RuntimeError, match=r"its gradient is inside a transform of torch\.func, and it is not: step"):
        transform(loss)(torch.ones(() if transform is torch.func.grad else 2))
    assert torch.equal(other, weights())
    assert not optimizer.state


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: optim.AdamW(p, max_grad_norm=1.0), "max_grad_norm=1.0 asks for its numbers, but the meta device"),
        (lambda p: optim.SGD(p, lr=0.1, skip_nonfinite=True), "skip_nonfinite=True asks for its numbers, but the"),
        (RULES["SOAP"], "cannot be taken apart on the meta device, which has no numbers: call model.to_empty"),
        (RULES["GaLore"], "cannot be taken apart on the meta device, which has no numbers: call model.to_empty"),
    ],
)
def test_what_asks_for_numbers_is_refused_where_there_are_none(make, sentence):
    param = nn.Parameter(torch.ones(4, 3, device="meta"))
    param.grad = torch.ones(4, 3, device="meta")
    optimizer = make([param])
    with pytest.raises(RuntimeError, match=sentence):
        optimizer.step()
    assert not optimizer.state


@pytest.mark.parametrize("kind", ["AdamW", "GaLore"])
def test_what_was_made_for_inference_is_written_by_kernels_alone(kind):
    with torch.inference_mode():
        param = weights()
    param.grad = torch.ones(4, 3)
    with pytest.raises(RuntimeError, match="it was made in inference mode, and torch writes to it nowhere else"):
        RULES[kind]([param]).step()
    optim.AdamW([param], lr=0.1).step()
    assert not torch.equal(param, weights())


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_halves_of_complex_numbers_are_computed_in_float32():
    """As halves are elsewhere: in them, AdamW's eps is zero."""
    param = nn.Parameter(torch.ones(2, dtype=torch.complex32))
    param.grad = torch.ones(2, dtype=torch.complex32)
    optim.AdamW([param], lr=0.25, weight_decay=0.0).step()
    assert param.tolist() == [0.75, 0.75]


def test_an_empty_parameter_of_a_closure_method_has_a_gradient():
    param = nn.Parameter(torch.ones(0))
    optimizer = optim.LBFGS([param])

    def closure():
        loss = (param**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0


class Seen(TorchDispatchMode):
    """Notes every operation of torch, and what it changes."""

    def __init__(self):
        super().__init__()
        self.changed = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.is_mutable:
            self.changed.add(args[0].data_ptr())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["Lion", "AdamW", "Adafactor", "LAMB"])
def test_a_mode_is_shown_what_a_step_does_and_the_next_step_is_the_kernels_again(kind):
    """Silently, a graph would be traced without the step."""
    param = weights()
    optimizer = getattr(optim, kind)([param])
    param.grad = torch.ones(4, 3)
    optimizer.step()
    before = optimizer._watch
    for _ in range(2):
        with Seen() as seen:
            optimizer.step()
        assert {param.data_ptr(), *(state.data_ptr() for state in optimizer.state[param].values())} == seen.changed
        optimizer.step()
        assert optimizer._watch is before
    assert not before.plan.eager


@pytest.mark.skipif(not hasattr(optim, "swap_in_optimizer_params_and_state"), reason="this torch cannot swap")
@pytest.mark.parametrize(
    ("kind", "options"),
    [("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}), ("Lion", {}), ("PNM", {}), ("Muon", {"lr": 0.1})],
)
def test_a_graph_that_is_traced_has_the_step(kind, options):
    param = weights()
    optimizer = getattr(optim, kind)([param], **options)
    param.grad = torch.ones(4, 3)
    optimizer.step()
    held = optimizer.state[param]

    def step(param, states, grad):
        param.grad = grad
        with optim.swap_in_optimizer_params_and_state(optimizer, {"weight": param}, states):
            optimizer.step()

    other, states = param.detach().clone(), copy.deepcopy(optimizer.state_dict())
    graph = make_fx(step)(other.clone(), copy.deepcopy(states), torch.ones(4, 3))
    for factor in (1.0, 2.0, 3.0):
        param.grad = weights().detach() * factor
        optimizer.step()
        graph(other, states, weights().detach() * factor)
    # The eager engine agrees with kernels within a few units in the last place.
    assert torch.allclose(other, param, rtol=1e-6, atol=1e-7)
    saved = states["state"][0]
    assert all(torch.allclose(saved[name], value, rtol=1e-6, atol=1e-7) for name, value in held.items())


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("SGD", {"lr": 0.1, "max_grad_norm": 1.0}, "max_grad_norm=1.0"),
        ("Lion", {"skip_nonfinite": True}, "skip_nonfinite=True"),
        ("Lion", {"accumulate": 2}, "accumulate=2"),
        ("MoMo", {}, "a sum over all gradients"),
    ],
)
def test_what_each_step_decides_anew_is_not_traced(kind, options, named):
    """The graph would clip by the norm of the day on which it was traced."""
    param = weights()
    optimizer = getattr(optim, kind)([param], **options)
    loss = {"loss": 1.0} if kind == "MoMo" else {}

    def step(grad):
        param.grad = grad
        optimizer.step(**loss)

    with pytest.raises(RuntimeError, match=f"{kind} cannot be traced into a graph with {named}, which decides in"):
        make_fx(step)(torch.ones(4, 3))
    assert torch.equal(param, weights())
    assert not optimizer.state


def makers(path):
    """The calls of a file that make tensors where, and of what, torch does by default."""
    for node in ast.walk(ast.parse(path.read_text())):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MAKERS
        if is_call and isinstance(node.func.value, ast.Name) and node.func.value.id == "torch":
            given = {keyword.arg for keyword in node.keywords}
            wanted = {"device"} if node.func.attr in ("arange", "as_tensor", "tensor") else {"device", "dtype"}
            if None not in given and wanted - given:
                yield f"{path.name}:{node.lineno} needs {', '.join(sorted(wanted - given))}"


@pytest.mark.parametrize("part", ["formula", "distributed", "state", "engine", "optimizers/wrappers"])
def test_whatever_is_made_has_a_device_and_a_dtype_of_its_own(part):
    assert [fault for path in sorted((ROOT / part).rglob("*.py")) for fault in makers(path)] == []
