"""The class around a formula: its signature, its steps, and what a failed step leaves behind."""

import copy
import inspect
import re
import warnings
import weakref

import pytest
import torch
from torch import nn

import thalweg as optim
from thalweg.formula import maximum
from thalweg.hyper import NonNegative
from thalweg.optimizer import Optimizer, registry

SIGNATURES = {
    "SGD": "params, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False",
    "AdaDelta": "params, rho=0.9, eps=1e-06, weight_decay=0, lr=1.0",
    "Adadelta": "params, lr=1.0, rho=0.9, eps=1e-06, weight_decay=0",
    "Adagrad": "params, lr=0.01, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10",
    "Adam": "params, lr=0.01, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, amsgrad=False",
    "AdaMax": "params, lr=0.01, betas=(0.9, 0.999), eps=1e-38, weight_decay=0",
    "Adamax": "params, lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0",
    "ASGD": "params, lr=0.01, lambd=0.0001, alpha=0.75, t0=1000000.0, weight_decay=0",
    "RProp": "params, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-06, 50)",
    "RMSProp": "params, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0, momentum=0, centered=False",
}
"""The table of the document, and what torch.optim has beyond it."""


@pytest.mark.parametrize(("name", "promised"), SIGNATURES.items())
def test_signatures(name, promised):
    parameters = inspect.signature(getattr(optim, name)).parameters.values()
    by_position = [str(parameter) for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    assert ", ".join(by_position) == promised


@pytest.mark.parametrize("name", SIGNATURES)
def test_by_position_and_by_name(name):
    cls = getattr(optim, name)
    values = {
        name: parameter.default if parameter.default is not parameter.empty else 0.5
        for name, parameter in inspect.signature(cls).parameters.items()
        if name != "params" and parameter.kind is not parameter.KEYWORD_ONLY
    }
    by_position, by_name = cls([torch.zeros(1)], *values.values()), cls([torch.zeros(1)], **values)
    assert by_position.defaults == by_name.defaults
    assert values.items() <= by_name.defaults.items()


def test_torchs_spellings():
    assert (optim.Rprop, optim.RMSprop) == (optim.RProp, optim.RMSProp)
    assert optim.Adadelta([torch.zeros(1)], 0.5, 0.8).defaults["lr"] == 0.5
    assert optim.Adam([torch.zeros(1)], epsilon=0.5).defaults["eps"] == 0.5


def training(cls=optim.Adam, **options):
    """An optimizer in the middle of training, with gradients at hand."""
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = cls(net.named_parameters(), **options)
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.ones(4, 2)).sum().backward()
        optimizer.step()
    return optimizer


def snapshot(optimizer):
    """All tensors, and all options in words."""
    return copy.deepcopy((optimizer.state_dict()["state"], optimizer.param_groups[0]["params"])), repr(optimizer)


def wrong_shape(optimizer):
    last = optimizer.param_groups[0]["params"][-1]
    last.data = torch.zeros(7)


def wrong_dtype(optimizer):
    last = optimizer.param_groups[0]["params"][-1]
    last.data = last.data.double()


def sparse(optimizer):
    last = optimizer.param_groups[0]["params"][-1]
    last.grad = last.grad.to_sparse()


def wrong_option(optimizer):
    optimizer.param_groups[0]["lr"] = "fast"


@pytest.mark.parametrize(
    ("spoil", "error", "sentence"),
    [
        (
            wrong_shape,
            RuntimeError,
            "Adam cannot step parameter '1.bias': its shape is (7,), but its gradient's is (1,): run backward() again",
        ),
        (
            wrong_dtype,
            RuntimeError,
            "Adam cannot step parameter '1.bias': its dtype is torch.float64, but its gradient's is torch.float32: run "
            "backward() again",
        ),
        (
            sparse,
            RuntimeError,
            "Adam cannot step parameter '1.bias': it does not support sparse gradients (layout torch.sparse_coo): "
            "pass it to Adagrad or SGD or SparseAdam, or make its layer with sparse=False",
        ),
        (wrong_option, TypeError, "Adam needs lr to be a number in parameter group 0, but got str 'fast'"),
    ],
)
def test_a_step_that_cannot_be_changes_nothing(spoil, error, sentence):
    optimizer = training()
    spoil(optimizer)
    before = snapshot(optimizer)
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        optimizer.step()
    torch.testing.assert_close(snapshot(optimizer)[0], before[0], rtol=0, atol=0)
    assert snapshot(optimizer)[1] == before[1]


def nothing():
    return None


def no_backward():
    return torch.ones(())


def broken():
    raise ZeroDivisionError("my own mistake")


def test_a_closure_may_leave_the_gradients_to_others():
    """Lightning passes one that does nothing, where a program calls backward by itself."""
    plain = training()
    other = copy.deepcopy(plain)
    for one, two in zip(plain.param_groups[0]["params"], other.param_groups[0]["params"], strict=True):
        two.grad = one.grad.clone()
    plain.step()
    assert other.step(nothing) is None
    torch.testing.assert_close(snapshot(other)[0], snapshot(plain)[0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("closure", "error", "sentence"),
    [
        (nothing, TypeError, "Adam.step got a closure that returned None: end it with `return loss`"),
        (
            no_backward,
            RuntimeError,
            "Adam.step got a closure after which no parameter has a gradient: call loss.backward() in it, on a loss "
            "that depends on the optimizer's parameters",
        ),
        (broken, ZeroDivisionError, "my own mistake"),
    ],
)
@pytest.mark.parametrize("watched", [False, True])
def test_a_closure_that_cannot_be_changes_nothing(closure, error, sentence, watched):
    optimizer = training()
    if watched:
        optimizer.register_step_post_hook(lambda *_: None)
    if closure in (nothing, no_backward):
        optimizer.zero_grad()
    before = snapshot(optimizer)
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        optimizer.step(closure)
    torch.testing.assert_close(snapshot(optimizer)[0], before[0], rtol=0, atol=0)
    assert snapshot(optimizer)[1] == before[1]


def test_a_closure_without_gradients_is_fine_where_nothing_wants_them():
    optimizer = optim.SGD([torch.zeros(2)], lr=1.0)
    assert optimizer.step(no_backward) == 1


def test_some_parameters_without_gradients_are_fine():
    used, unused = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer = optim.SGD([unused, used], lr=1.0)

    def closure():
        loss = used.sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 1
    assert (unused.item(), used.item()) == (1, 0)


def test_the_users_own_optimizer_is_one_class():
    class Clipped(Optimizer):
        """Follow the gradient, at most 1 at a time."""

        lr: NonNegative
        floor: NonNegative = 0

        def update(self, param, grad, peak):
            peak = maximum(peak, abs(grad)) if self.floor else peak
            return param - self.lr * grad / maximum(abs(grad), 1), peak

    param = torch.tensor([1.0, 2.0])
    param.grad = torch.tensor([0.5, -8.0])
    optimizer = Clipped([param], 1.0)
    optimizer.step()
    assert param.tolist() == [0.5, 3.0]
    assert list(optimizer.state[param]) == ["step"]
    optimizer.param_groups[0]["floor"] = 1.0
    optimizer.step()
    assert optimizer.state[param]["peak"].tolist() == [0.5, 8.0]
    assert registry["Clipped"] is Clipped


def test_update_must_say_what_it_takes():
    sentence = r"^Odd\.update must take \(self, param, grad, \*states\), but takes \(self, weight, slope\)$"
    with pytest.raises(TypeError, match=sentence):

        class Odd(Optimizer):
            def update(self, weight, slope):
                return weight

    assert "Odd" not in registry


def test_update_must_return_what_it_takes():
    class Short(Optimizer):
        def update(self, param, grad, mean):
            return param - grad

    param = torch.zeros(1)
    param.grad = torch.ones(1)
    with pytest.raises(TypeError, match=r"^Short\.update returned 1 values, but must return 2: param, mean$"):
        Short([param]).step()
    assert param.item() == 0


def test_subclasses_inherit_options_and_formula():
    class Fast(optim.Adam):
        lr: NonNegative = 1.0

    assert str(inspect.signature(Fast).parameters["lr"]) == "lr=1.0"
    assert list(inspect.signature(Fast).parameters) == list(inspect.signature(optim.Adam).parameters)
    assert optim.Adam([torch.zeros(1)]).lr == 0.01


def test_optimizers_can_be_referred_to_weakly_and_die():
    optimizer = training()
    reference = weakref.ref(optimizer)
    assert reference() is optimizer
    del optimizer
    assert reference() is None


def test_a_scheduler_sees_that_step_came_first():
    """Schedulers find out whether `step` came first by wrapping it on the instance."""
    optimizer = training()
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()
    assert optimizer.lr == pytest.approx(0.001)


def test_it_says_how_numbers_are_kept_and_what_is_read():
    param = torch.nn.Parameter(torch.ones(5000).bfloat16())
    optimizer = optim.AdamW([param], rounding="kahan", state_dtype="8bit", max_grad_norm=1.0, cautious=True)
    assert optimizer.explain().splitlines()[1].partition("; ")[2] == (
        "kept: param bfloat16 with a compensation, exp_avg in blocks of 8 bits, exp_avg_sq in blocks of 8 bits; "
        "reads the gradients once before, for their common norm and everything once before, for sums"
    )
