"""What surrounds an update: closures, zero_grad, hooks, flags; and that it goes downhill."""

from itertools import pairwise

import pytest
import torch
from torch.optim import optimizer as torch_optimizer

from ..traits import in_turn
from .conftest import CATALOGUE

STEPS = 30


def quadratic(param):
    return (param**2).sum()


def descend(optimizer, param, steps=STEPS):
    """Losses along the way, by closure."""

    def closure():
        optimizer.zero_grad()
        loss = quadratic(param)
        (-loss if optimizer.defaults["maximize"] else loss).backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


def start():
    return torch.tensor([0.5, -1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize("maximize", [False, True])
def test_learns(cls, options, maximize):
    param = start()
    losses = descend(cls([param], **options | {"maximize": maximize}), param)
    assert losses[-1] < losses[0]
    assert sum(after < before for before, after in pairwise(losses)) > STEPS / 2


@pytest.mark.every
def test_maximize_is_the_negative_gradient(cls, options):
    up, down = start(), start()
    options = options | {"engine": in_turn(("auto", "eager"), CATALOGUE.index(cls) + len(options))}
    descend(cls([up], **options, maximize=True), up, 8)
    descend(cls([down], **options), down, 8)
    assert torch.equal(up, down)


def test_step_returns_the_closures_loss(cls, required):
    param = start()
    optimizer = cls([param], **required)
    loss = quadratic(param)

    def closure():
        loss.backward()
        return loss

    assert optimizer.step(closure) is loss
    assert optimizer.step() is None


def test_closure_runs_once_with_gradients_enabled(cls, required):
    param, seen = start(), []
    optimizer = cls([param], **required)

    def closure():
        seen.append(torch.is_grad_enabled())
        loss = quadratic(param)
        loss.backward()
        return loss

    with torch.no_grad():
        optimizer.step(closure)
    assert seen == [True]


def test_closure_and_backward_are_the_same_step(cls, options):
    with_closure, without = start(), start()
    descend(cls([with_closure], **options), with_closure)
    optimizer = cls([without], **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        quadratic(without).backward()
        optimizer.step()
    assert torch.equal(with_closure, without)


def test_step_is_not_recorded_by_autograd(cls, options):
    param = start()
    optimizer = cls([param], **options)
    quadratic(param).backward()
    optimizer.step()
    assert param.is_leaf
    assert not any(state.requires_grad for state in optimizer.state.get(param, {}).values())


def test_zero_grad(cls, required):
    param = start()
    optimizer = cls([param], **required)
    quadratic(param).backward()
    gradient = param.grad
    optimizer.zero_grad(set_to_none=False)
    assert param.grad is gradient
    assert torch.equal(gradient, torch.zeros(3))
    optimizer.zero_grad()
    assert param.grad is None


def test_hooks_run_in_torchs_order(cls, required):
    calls = []
    optimizer = cls([start()], **required)
    handles = [
        torch_optimizer.register_optimizer_step_pre_hook(lambda *_: calls.append("global before")),
        optimizer.register_step_pre_hook(lambda *_: calls.append("before")),
        optimizer.register_step_post_hook(lambda *_: calls.append("after")),
        torch_optimizer.register_optimizer_step_post_hook(lambda *_: calls.append("global after")),
    ]
    try:
        optimizer.step()
        assert calls == ["global before", "before", "after", "global after"]
    finally:
        for handle in handles:
            handle.remove()
    optimizer.step()
    assert len(calls) == 4


def test_a_hook_may_replace_the_arguments(cls, required):
    param = start()
    optimizer = cls([param], **required)

    def closure():
        loss = quadratic(param)
        loss.backward()
        return loss

    optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: ((optimizer, closure), {}))
    assert optimizer.step().item() == 5.25


def test_profiler_sees_the_step(cls, required):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as profile:
        cls([start()], **required).step()
    assert any(event.key == f"Optimizer.step#{cls.__name__}.step" for event in profile.key_averages())


@pytest.mark.parametrize("flags", [{"foreach": True}, {"foreach": False}, {"fused": True}, {"capturable": True}])
def test_torchs_flags_change_no_numbers(cls, options, flags):
    flagged, plain = start(), start()
    descend(cls([flagged], **options, **flags), flagged, 8)
    descend(cls([plain], **options), plain, 8)
    assert torch.equal(flagged, plain)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_numbers_may_be_tensors(cls, options, shape):
    """A schedule may change them in place."""
    by_tensor, by_float = start(), start()
    lr = torch.full(shape, 0.125)
    tensors = cls([by_tensor], **options | {"lr": lr})
    floats = cls([by_float], **options | {"lr": 0.125})
    descend(tensors, by_tensor, 2)
    descend(floats, by_float, 2)
    lr.fill_(0.5)
    floats.param_groups[0]["lr"] = 0.5
    descend(tensors, by_tensor, 2)
    descend(floats, by_float, 2)
    assert torch.equal(by_tensor, by_float)


def test_options_are_attributes(cls, options):
    optimizer = cls([{"params": start()}, {"params": start(), "lr": 0.5}], **options)
    assert {name: getattr(optimizer, name) for name in cls.options} == optimizer.defaults
    optimizer.lr = 0.25
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optimizer.lr = -1
    assert optimizer.lr == 0.25


def test_repr_names_the_class_and_what_is_not_a_default(cls, required):
    text = repr(cls([start()], **required, maximize=True) if "maximize" in cls.options else cls([start()], **required))
    assert text.startswith(f"{cls.__name__} (\nParameter Group 0\n")
    assert ("    maximize: True\n" in text) == ("maximize" in cls.options)
    assert "    differentiable: " not in text
