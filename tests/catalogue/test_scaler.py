"""torch.amp.GradScaler: gradients are unscaled within the pass, and a step in which one overflowed does not happen."""

import copy

import pytest
import torch

from ..traits import in_turn
from .conftest import CATALOGUE


def weights():
    return [torch.linspace(-1, 1, 6, requires_grad=True), torch.ones(2, 2, requires_grad=True)]


def loss_of(params):
    return sum((param**3 + param).sum() for param in params)


def scaled_training(cls, options, steps=4, scale=2.0**10, between=lambda optimizer, scaler: None):
    """Train with a scaler that changes its scale after every other step."""
    params = weights()
    optimizer = cls(params, **options, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=2)
    for _ in range(steps):
        optimizer.zero_grad()
        scaler.scale(loss_of(params)).backward()
        between(optimizer, scaler)
        scaler.step(optimizer)
        scaler.update()
    return params, optimizer.state_dict()["state"]


def plain_training(cls, options, steps=4):
    params = weights()
    optimizer = cls(params, **options)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(params).backward()
        optimizer.step()
    return params, optimizer.state_dict()["state"]


@pytest.fixture
def engine(cls, options):
    """Let the engines take turns: with most options on, a class has another one than without."""
    return in_turn(("auto", "eager"), CATALOGUE.index(cls) + len(options))


def test_scaled_and_unscaled_are_the_same_training(cls, options, engine):
    """Bit for bit: scales are powers of two."""
    found = scaled_training(cls, options | {"engine": engine})
    torch.testing.assert_close(found, plain_training(cls, options | {"engine": engine}), rtol=0, atol=0)


def test_gradients_may_be_unscaled_and_clipped_before(cls, options):
    def clip(optimizer, scaler):
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1e30)

    found = scaled_training(cls, options, between=clip)
    torch.testing.assert_close(found, plain_training(cls, options), rtol=0, atol=0)


def test_clipping_is_of_unscaled_gradients(cls, options, engine):
    """As with `scaler.unscale_` and `clip_grad_norm_`, without either call."""

    def clip(optimizer, scaler):
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 0.5)

    ours = scaled_training(cls, options | {"engine": engine, "max_grad_norm": 0.5, "track": True})
    # a norm of float32 numbers, taken in float64 here and in float32 there
    torch.testing.assert_close(ours, scaled_training(cls, options, between=clip), rtol=2e-5, atol=2e-5)


def test_the_pass_unscales_and_leaves_the_gradients_alone(cls, options):
    params = weights()
    optimizer = cls(params, **options)
    for param in params:
        param.grad = torch.full_like(param, 8.0)
    optimizer.grad_scale, optimizer.found_inf = torch.tensor(8.0), torch.tensor(0.0)
    optimizer.step()
    del optimizer.grad_scale, optimizer.found_inf
    assert all((param.grad == 8).all() for param in params)
    ones = weights()
    for param in ones:
        param.grad = torch.ones_like(param)
    cls(ones, **options).step()
    torch.testing.assert_close(params, ones, rtol=0, atol=0)
    # The next step is an ordinary one.
    with_scale, without = copy.deepcopy(optimizer), optimizer
    with_scale.grad_scale, with_scale.found_inf = torch.tensor(1.0), torch.tensor(0.0)
    for other in (with_scale, without):
        for param in other.param_groups[0]["params"]:
            param.grad = torch.ones_like(param)
        other.step()
    torch.testing.assert_close(with_scale.state_dict()["state"], without.state_dict()["state"], rtol=0, atol=0)


def test_a_scaler_unscales_itself_unless_the_step_is_to(cls, options):
    """For programs that look at the gradients after the step, and for trainers that clip."""
    param = torch.ones(2, requires_grad=True)
    optimizer, scaler = cls([param], **options), torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(param.sum()).backward()
    scaler.step(optimizer)
    assert torch.equal(param.grad, torch.ones(2))
    other = torch.ones(2, requires_grad=True)
    other.grad = torch.ones(2)
    cls([other], **options).step()
    assert torch.equal(param, other)


@pytest.mark.parametrize("steps_before", [0, 2])
def test_an_overflow_changes_nothing(cls, options, steps_before):
    params = weights()
    optimizer, scaler = cls(params, **options, fused=True), torch.amp.GradScaler("cpu", init_scale=4.0)
    for _ in range(steps_before):
        optimizer.zero_grad()
        loss_of(params).backward()
        optimizer.step()
    before = copy.deepcopy((params, optimizer.state_dict()))
    optimizer.zero_grad()
    scaler.scale(loss_of(params) * torch.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    torch.testing.assert_close((params, optimizer.state_dict()), before, rtol=0, atol=0)
    assert scaler.get_scale() == 2.0


def test_sparse_gradients_are_unscaled_too(sparse_cls, options):
    ends = []
    for scale in (1.0, 16.0):
        param = torch.ones(4)
        optimizer = sparse_cls([param], **options)
        optimizer.grad_scale, optimizer.found_inf = torch.tensor(scale), torch.tensor(0.0)
        for _ in range(3):
            param.grad = scale * torch.eye(4)[1].to_sparse()
            optimizer.step()
        ends.append(param)
    assert torch.equal(*ends)
    assert not torch.equal(ends[0], torch.ones(4))
