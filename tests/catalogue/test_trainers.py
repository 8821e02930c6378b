"""What trainers, wrappers and torch's own tools do to an optimizer."""

import copy

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

import thalweg as optim

from .conftest import needed


def backward(*params):
    for param in params:
        param.grad = torch.full_like(param, 0.5)


def made(cls, params, **options):
    return cls(params, **needed(cls) | options)


@pytest.mark.parametrize("is_named", [False, True])
def test_a_group_may_be_empty(cls, is_named):
    """As the one without decay of a model with frozen biases, or that of a rank that has no parameters."""

    def grouped():
        param = nn.Parameter(torch.ones(3, 3))
        full = [("weight", param)] if is_named else [param]
        return param, made(cls, [{"params": []}, {"params": full}, {"params": [], "lr": 0.5}])

    param, optimizer = grouped()
    backward(param)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.25
    saved = copy.deepcopy(optimizer.state_dict())
    assert [len(group["params"]) for group in saved["param_groups"]] == [0, 1, 0]
    twin, other = grouped()
    other.load_state_dict(saved)
    assert [group["lr"] for group in other.param_groups] == [0.25, optimizer.param_groups[1]["lr"], 0.5]
    twin.data.copy_(param.data)
    for one, its in ((param, optimizer), (twin, other)):
        backward(one)
        its.step()
    assert torch.equal(param, twin)
    assert "1 parameter" in optimizer.explain()
    optimizer.memory()


def test_an_optimizer_without_any_parameter_is_still_a_slip():
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.Adam([])
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.Adam([{"params": iter([])}])


@pytest.mark.parametrize(("fused", "supports"), [(None, False), (False, False), (True, True)])
def test_only_where_it_is_asked_for_the_step_unscales(cls, fused, supports):
    """Lightning refuses to clip, and Accelerate believes every step to be taken, where an optimizer unscales itself."""
    optimizer = made(cls, [nn.Parameter(torch.ones(3))], fused=fused)
    assert optimizer._step_supports_amp_scaling is supports


@pytest.mark.parametrize("fused", [None, True])
def test_a_step_that_overflowed_is_not_taken(cls, fused):
    """As Accelerate sees it: its hook on `step` is not called, unless the step was to look itself."""
    param = nn.Parameter(torch.ones(3))
    optimizer = made(cls, [param], fused=fused)
    calls = []
    optimizer.register_step_pre_hook(lambda *_: calls.append(1))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale((param * torch.tensor([1.0, torch.inf, 1.0])).sum()).backward()
    scaler.step(optimizer)
    assert len(calls) == (fused is True)
    assert torch.equal(param, torch.ones(3))
    assert not optimizer.state.get(param, {}).get("step", 0)


def test_what_a_wrapper_keeps_in_the_state_stays(cls):
    """As timm's Lookahead keeps its slow weights there."""
    param = nn.Parameter(torch.ones(3))
    optimizer = made(cls, [param])
    backward(param)
    optimizer.step()
    optimizer.state[param]["mine"] = torch.arange(5.0)
    optimizer.state[param]["mine_scale"] = torch.arange(2.0)
    fresh = made(cls, [nn.Parameter(torch.ones(3))])
    fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    (kept,) = fresh.state.values()
    assert torch.equal(kept["mine"], torch.arange(5.0))
    assert torch.equal(kept["mine_scale"], torch.arange(2.0))
    backward(*fresh.state)
    fresh.step()


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"accumulate": 3}], ids=str)
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("kind", [optim.AdamW, optim.SGD, optim.ASGD], ids=lambda kind: kind.__name__)
def test_a_distributed_checkpoint_has_everything(kind, options, flat):
    """It primes a new optimizer with a step of zero gradients at a rate of zero, to see which states there are."""
    options = options | ({"momentum": 0.5, "dampening": 0.5} if kind is optim.SGD else {})

    def prepared():
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        return model, made(kind, model.parameters(), **options)

    def train(model, optimizer):
        for value in (1.0, 2.0, -1.0):
            for param in model.parameters():
                param.grad = torch.full_like(param, value)
            optimizer.step()

    how = StateDictOptions(flatten_optimizer_state_dict=flat)
    model, optimizer = prepared()
    train(model, optimizer)
    saved = copy.deepcopy(get_optimizer_state_dict(model, optimizer, options=how))
    twin, fresh = prepared()
    set_optimizer_state_dict(twin, fresh, saved, options=how)
    twin.load_state_dict(model.state_dict())
    torch.testing.assert_close(fresh.state_dict(), optimizer.state_dict(), rtol=0, atol=0)
    train(model, optimizer)
    train(twin, fresh)
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


def test_adagrad_shares_its_memory():
    param = nn.Parameter(torch.ones(3))
    ours, theirs = optim.Adagrad([param]), torch.optim.Adagrad([param])
    for optimizer in (ours, theirs):
        optimizer.share_memory()
        assert optimizer.state[param]["sum"].is_shared()
    backward(param)
    ours.step()
    assert ours.state[param]["sum"].is_shared()
    assert torch.equal(ours.state[param]["sum"], torch.full((3,), 0.25))


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("grad_dtype", [torch.bfloat16, torch.float64, None], ids=str)
def test_gradients_of_a_dtype_that_was_asked_for(cls, grad_dtype, engine):
    param, plain = nn.Parameter(torch.ones(3, 2)), nn.Parameter(torch.ones(3, 2))
    if not hasattr(param, "grad_dtype"):
        pytest.skip("torch lets nobody ask")
    param.grad_dtype = grad_dtype
    optimizers = [made(cls, [one], engine=engine) for one in (param, plain)]
    for value in (0.5, 0.25):
        param.grad = torch.full((3, 2), value, dtype=grad_dtype or torch.bfloat16)
        plain.grad = torch.full((3, 2), value)
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(param, plain)


@pytest.mark.parametrize("nnz", [0, 1, 2])
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_single_number_with_a_sparse_gradient(sparse_cls, engine, nnz):
    """Two values for one place are added; without any, the number rests."""
    param, row = torch.tensor(1.0, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizers = [made(sparse_cls, [one], engine=engine) for one in (param, row)]
    for _ in range(2):
        for one, shape in ((param, ()), (row, (1,))):
            places = torch.zeros(len(shape), nnz, dtype=torch.long)
            one.grad = torch.sparse_coo_tensor(places, torch.full((nnz,), 0.5), shape, check_invariants=True)
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(param.detach(), row.detach()[0])


def test_torch_func_sees_through_a_step(cls):
    """The derivative of a step by the gradient that it takes, and several steps at once."""
    if cls.starts_from_parameters:
        pytest.skip("it begins with a plain number, which is taken of the parameters when it is made")

    def stepped(start, grad):
        param = start.clone()
        optimizer = made(cls, [param], differentiable=True)
        param.grad = grad
        optimizer.step()
        return (param * param).sum()

    starts = torch.linspace(-1, 1, 6, dtype=torch.float64).view(2, 3)
    grads = torch.linspace(0.5, 1, 6, dtype=torch.float64).view(2, 3)
    by_hand = grads.clone().requires_grad_()
    wanted = [stepped(start, grad) for start, grad in zip(starts, by_hand, strict=True)]
    (derivatives,) = torch.autograd.grad(sum(wanted), by_hand)
    torch.testing.assert_close(torch.func.grad(stepped, argnums=1)(starts[0], grads[0]), derivatives[0])
    torch.testing.assert_close(torch.func.vmap(stepped)(starts, grads), torch.stack(wanted).detach())


def test_nothing_is_done_to_averages_that_stand_in():
    param = nn.Parameter(torch.ones(3))
    optimizer = optim.SGD([param], lr=0.5, ema_decay=0.5)
    backward(param)
    optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    before = param.detach().clone()
    with optimizer.averaged():
        for what in (
            optimizer.step,
            lambda: optimizer.load_state_dict(saved),
            lambda: optimizer.averaged().__enter__(),
        ):
            with pytest.raises(
                RuntimeError, match="the averaged parameters stand in for the parameters, which come back"
            ):
                what()
        assert optimizer.state_dict()["state"][0]["ema"].tolist() == [0.875] * 3
    assert torch.equal(param, before)
    optimizer.step()


def test_an_option_around_every_formula_may_be_missing():
    """Checkpoints of versions that did not have it yet load, and it is as it was."""
    param = nn.Parameter(torch.ones(3))
    optimizer = optim.Adam([param])
    saved = optimizer.state_dict()
    for name in optim.Adam.around:
        del saved["param_groups"][0][name]
    fresh = optim.Adam([param], clip_value=2.0)
    fresh.load_state_dict(saved)
    assert fresh.param_groups[0]["clip_value"] == 2.0
    del saved["param_groups"][0]["betas"]
    with pytest.raises(ValueError, match="group 0 has no betas, so another optimizer saved it"):
        fresh.load_state_dict(saved)
