"""Low bits and compensations belong to the number that they were made for, and to no other."""

import pytest
import torch

from thalweg import AdamW

WRITES = {
    "reset": lambda param: param.zero_(),
    "filled": lambda param: param.fill_(1.5),
    "masked": lambda param: param.mul_(torch.tensor([1.0, 0.0, 1.0, 0.0])),
    "copied": lambda param: param.copy_(torch.full((4,), 3.0)),
    "reset past autograd": lambda param: param.data.zero_(),
}

EACH = pytest.mark.parametrize(("rounding", "name"), [("master", "low_bits"), ("kahan", "compensation")])


def make(rounding, engine="auto", **options):
    torch.manual_seed(0)
    param = torch.nn.Parameter(torch.randn(4).bfloat16())
    return AdamW([param], lr=1e-3, rounding=rounding, engine=engine, **options), param


def train(optimizer, param, steps, grad=1.0):
    for _ in range(steps):
        param.grad = torch.full_like(param, grad)
        optimizer.step()


@EACH
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("write", WRITES)
def test_dropped_where_somebody_else_has_written(rounding, name, engine, write):
    found = []
    for is_fresh in (False, True):
        optimizer, param = make(rounding, engine)
        train(optimizer, param, 3)
        with torch.no_grad():
            WRITES[write](param)
        if is_fresh:
            optimizer.state[param][name].zero_()
        train(optimizer, param, 4, grad=0.1)
        found.append([param.detach(), optimizer.state[param][name]])
    torch.testing.assert_close(*found, rtol=0, atol=0)


@EACH
def test_a_reset_weight_without_a_gradient_stays_zero(rounding, name):
    optimizer, param = make(rounding, weight_decay=0.0)
    train(optimizer, param, 1)
    param.data.zero_()
    optimizer.state[param]["exp_avg"].zero_()
    train(optimizer, param, 1, grad=0.0)
    assert param.eq(0).all()


@EACH
def test_kept_through_the_averaged_parameters_and_back(rounding, name):
    found = []
    for looks in (False, True):
        optimizer, param = make(rounding, ema_decay=0.9)
        for _ in range(4):
            train(optimizer, param, 1)
            if looks:
                with optimizer.averaged():
                    pass
        found.append([param.detach(), optimizer.state[param][name]])
    torch.testing.assert_close(*found, rtol=0, atol=0)


@EACH
@pytest.mark.parametrize("model_first", [False, True])
def test_resumed_whichever_is_loaded_first(rounding, name, model_first):
    straight, there = make(rounding)
    train(straight, there, 3)
    saved, weights = straight.state_dict(), there.detach().clone()
    resumed, param = make(rounding)
    train(resumed, param, 1)
    steps = [lambda: param.data.copy_(weights), lambda: resumed.load_state_dict(saved)]
    for load in steps if model_first else reversed(steps):
        with torch.no_grad():
            load()
    train(straight, there, 3)
    train(resumed, param, 3)
    assert torch.equal(param, there)
    assert torch.equal(resumed.state[param][name], straight.state[there][name])
