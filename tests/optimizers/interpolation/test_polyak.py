"""Rules that know the loss, in plain floats; how the loss is told; and what is refused."""

import math
import re

import pytest
import torch
from torch import nn

import thalweg as optim

STEPS = 5
WEIGHTS = [0.5, 2.0, 3.0, 0.1]
START = [1.0, -0.5, 0.7, 2.0]


def value(w):
    return math.fsum(a * x**4 for a, x in zip(WEIGHTS, w, strict=True)) / 4


def slope(w):
    return [a * x**3 for a, x in zip(WEIGHTS, w, strict=True)]


def polyak(w, lr=1.0, f_min=0.0, c=1.0):
    """Loizou et al. 2021, equation 3. https://arxiv.org/abs/2002.10542."""
    for _ in range(STEPS):
        g = slope(w)
        rate = min((value(w) - f_min) / (c * math.fsum(a * a for a in g)), lr)
        w = [x - rate * a for x, a in zip(w, g, strict=True)]
        yield w


def ali_g(w, lr=0.1, momentum=0.0, eps=1e-5):
    """Berrada, Zisserman & Kumar 2020, algorithm 1. https://arxiv.org/abs/1906.05661."""
    v = [0.0] * len(w)
    for _ in range(STEPS):
        g = slope(w)
        gamma = min(value(w) / (math.fsum(a * a for a in g) + eps), lr)
        v = [momentum * b - gamma * a for a, b in zip(g, v, strict=True)]
        w = [x - gamma * a + momentum * b for x, a, b in zip(w, g, v, strict=True)]
        yield w


def parameters():
    return [nn.Parameter(torch.tensor(part, dtype=torch.float64)) for part in (START[:2], START[2:])]


def loss_of(params):
    return (torch.tensor(WEIGHTS, dtype=torch.float64) * torch.cat(list(params)) ** 4).sum() / 4


def closure_of(optimizer, params):
    def closure():
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        return loss

    return closure


CASES = [
    (optim.PolyakSGD, polyak, {}),
    (optim.PolyakSGD, polyak, {"lr": 0.05, "f_min": -1.0, "c": 0.5}),
    (optim.AliG, ali_g, {"lr": 0.05}),
    (optim.AliG, ali_g, {"lr": 10.0, "momentum": 0.5, "eps": 1e-2}),
]


@pytest.mark.parametrize(("cls", "box", "options"), CASES)
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_the_papers_box(cls, box, options, engine):
    params, told = parameters(), parameters()
    optimizer, other = cls(params, **options, engine=engine), cls(told, **options, engine=engine)
    for wanted in box(START, **options):
        closure_of(other, told)()
        other.step(loss=loss_of(told))
        loss = optimizer.step(closure_of(optimizer, params))
        assert loss.item() == other.loss
        assert torch.equal(torch.cat(params), torch.cat(told))
        # some thirty roundings a step
        torch.testing.assert_close(torch.cat(params).tolist(), wanted, rtol=1e-13, atol=0)


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_same_as_pytorch_optimizer():
    theirs = pytest.importorskip("pytorch_optimizer").AliG
    ours, others = parameters(), parameters()
    optimizer = optim.AliG(ours, lr=10.0, momentum=0.9, eps=1e-6)
    other = theirs(others, max_lr=10.0, momentum=0.9)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, ours))
        loss = closure_of(other, others)()
        other.step(lambda loss=loss: float(loss))
    # they take the norm in float32
    torch.testing.assert_close(torch.cat(ours), torch.cat(others), rtol=1e-6, atol=0)


def test_a_loss_at_its_minimum_and_a_gradient_of_zeros_move_nothing():
    for cls in (optim.PolyakSGD, optim.AliG):
        params = parameters()
        optimizer = cls(params)
        for loss, slope_of_all in ((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)):
            for param in params:
                param.grad = torch.full_like(param, slope_of_all)
            optimizer.step(loss=loss)
        assert all(map(torch.equal, params, parameters()))


@pytest.mark.parametrize("cls", [optim.PolyakSGD, optim.AliG])
def test_without_a_loss_nothing_changes(cls):
    params, name = parameters(), cls.__name__
    optimizer = cls(params)
    closure = closure_of(optimizer, params)
    closure()
    for step, kind, said in (
        (optimizer.step, TypeError, f"{name}.step needs the loss: call step(loss=loss), or step(closure)"),
        (
            lambda: optimizer.step(closure, loss=1.0),
            TypeError,
            f"{name}.step got a loss, and a closure that returns one",
        ),
        (lambda: optimizer.step(loss=torch.ones(2)), ValueError, "needs a loss of one number, but got shape (2,)"),
        (lambda: optimizer.step(loss=math.nan), ValueError, f"Invalid loss value: nan, but {name} needs loss a number"),
        (lambda: optimizer.step(lambda: None), TypeError, f"{name}.step got a closure that returned None"),
    ):
        with pytest.raises(kind, match=re.escape(said)):
            step()
    assert all(map(torch.equal, params, parameters()))
    for refused in ({"maximize": True}, {"accumulate": 2}):
        with pytest.raises(ValueError, match=next(iter(refused))):
            cls(params, **refused)


@pytest.mark.parametrize("cls", [optim.PolyakSGD, optim.AliG])
def test_a_closure_that_returns_nothing_may_come_with_a_loss(cls):
    """As Lightning passes one in manual optimization, whatever the user passes to step."""
    paths = []
    for closure in (None, lambda: None):
        params = parameters()
        for param in params:
            param.grad = torch.ones_like(param)
        cls(params).step(closure, loss=0.5)
        paths.append(params)
    assert all(map(torch.equal, *paths))
    assert not any(map(torch.equal, paths[0], parameters()))


@pytest.mark.parametrize("cls", [optim.PolyakSGD, optim.AliG])
def test_what_knows_nothing_of_all_gradients_refuses_them(cls):
    model = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=f"{cls.__name__} cannot step in backward, since it looks at the common norm"):
        optim.in_backward(model, cls(model.parameters()))
    with pytest.raises(ValueError, match="GaLore needs a rule that looks at each parameter alone, but"):
        optim.GaLore(model.parameters(), cls, rank=2)


def test_a_step_that_is_left_out_needs_no_number():
    params = parameters()
    optimizer = optim.AliG(params, skip_nonfinite=True)
    for param in params:
        param.grad = torch.full_like(param, math.nan)
    optimizer.step(loss=torch.tensor(math.nan))
    assert optimizer.metrics["skipped"] == 1
    assert all(map(torch.equal, params, parameters()))


def test_with_a_scaler_that_has_scaled_the_gradients():
    params, plain = parameters(), parameters()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for optimizer, taken in ((optim.AliG(params), params), (optim.AliG(plain), plain)):
        loss = loss_of(taken)
        if taken is params:
            scaler.scale(loss).backward()
            scaler.step(optimizer, loss=loss)
        else:
            loss.backward()
            optimizer.step(loss=loss)
    assert all(map(torch.equal, params, plain))
