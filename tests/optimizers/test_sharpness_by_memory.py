"""WSAM, LookSAM and FriendlySAM: SAM with a weight for sharpness, or with what earlier steps have found."""

import math
import re

import pytest
import torch

import thalweg as optim

from .test_sharpness import STEPS, closure_of, length, slope, start

START = [1.0, -0.5, 0.7, 2.0]


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def worst(w, way, rho, sign=1.0):
    size = length(way) + 1e-12
    return slope([x + sign * rho * a / size for x, a in zip(w, way, strict=True)])


def wsam(w, lr, rho, gamma, sign=1.0):
    """Yue et al. 2023, algorithm 1, with gradient descent: with or without decoupling it is the same."""
    for _ in range(STEPS):
        g, weight = slope(w), gamma / (1 - gamma)
        second = worst(w, g, rho, sign)
        w = [x - sign * lr * (a + weight * (b - a)) for x, a, b in zip(w, g, second, strict=True)]
    return w


def looksam(w, lr, rho, k, alpha, sign=1.0):
    """Liu et al. 2022, algorithm 1, with gradient descent."""
    for step in range(STEPS):
        g = slope(w)
        if step % k == 0:
            used = worst(w, g, rho, sign)
            along = dot(used, g) / dot(g, g)
            across = [b - along * a for a, b in zip(g, used, strict=True)]
        else:
            used = [a + alpha * length(g) / length(across) * b for a, b in zip(g, across, strict=True)]
        w = [x - sign * lr * a for x, a in zip(w, used, strict=True)]
    return w


def friendly_sam(w, lr, rho, sigma, lmbda, sign=1.0):
    """Li et al. 2024, algorithm 1, with gradient descent, and the mean of their code."""
    mean = None
    for _ in range(STEPS):
        g = slope(w)
        way = g if mean is None else [a - sigma * m for a, m in zip(g, mean, strict=True)]
        mean = g if mean is None else [lmbda * m + (1 - lmbda) * a for a, m in zip(g, mean, strict=True)]
        w = [x - sign * lr * a for x, a in zip(w, worst(w, way, rho, sign), strict=True)]
    return w


CASES = {
    "WSAM": (optim.WSAM, wsam, {"rho": 0.1, "gamma": 0.8}, {}),
    "WSAM coupled": (optim.WSAM, wsam, {"rho": 0.1, "gamma": 0.8}, {"decouple": False}),
    "LookSAM": (optim.LookSAM, looksam, {"rho": 0.1, "k": 2, "alpha": 0.7}, {}),
    "FriendlySAM": (optim.FriendlySAM, friendly_sam, {"rho": 0.1, "sigma": 0.9, "lmbda": 0.6}, {}),
}


@pytest.mark.parametrize(("wrapper", "box", "options", "more"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("kind", [optim.SGD, torch.optim.SGD], ids=["ours", "torch's"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["down", "up"])
def test_the_papers_algorithm(kind, wrapper, box, options, more, sign):
    params = start()
    optimizer = kind(params, lr=0.01, maximize=sign < 0)
    wrapper(optimizer, **options, **more)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, params))
    # five steps of some forty roundings
    torch.testing.assert_close(torch.cat(params).tolist(), box(START, 0.01, sign=sign, **options), rtol=1e-12, atol=0)


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("WSAM", {"rho": 0.1, "gamma": 0.8}),
        ("WSAM", {"rho": 0.1, "gamma": 0.8, "decouple": False}),
        ("FriendlySAM", {"rho": 0.1, "sigma": 0.9, "lmbda": 0.6}),
    ],
)
def test_the_same_as_pytorch_optimizer(name, options):
    theirs = getattr(pytest.importorskip("pytorch_optimizer"), name)
    ours, others = start(), start()
    optimizer = optim.AdamW(ours, lr=0.01)
    getattr(optim, name)(optimizer, **options)
    model = [torch.nn.Module()] if name == "WSAM" else []
    other = theirs(*model, others, torch.optim.AdamW, lr=0.01, **options)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, ours))
        closure = closure_of(other, others)
        if not model:
            closure()
        other.step(closure)
    # they take the norm in float32
    torch.testing.assert_close(torch.cat(ours), torch.cat(others), rtol=1e-8, atol=0)


def test_looksam_asks_once_between_its_looks():
    params, asked = start(), []
    optimizer = optim.SGD(params, lr=0.01)
    look = optim.LookSAM(optimizer, k=3)
    counts = []
    for _ in range(5):
        optimizer.step(closure_of(optimizer, params, asked))
        counts.append(len(asked))
    assert counts == [2, 3, 4, 6, 7]
    look.remove()
    optimizer.step(closure_of(optimizer, params, asked))
    assert len(asked) == 8


def test_what_does_not_fit_is_refused_and_changes_nothing():
    params = start()
    optimizer = optim.SGD(params, lr=0.01)
    look = optim.LookSAM(optimizer)
    optimizer.step(closure_of(optimizer, params))
    before = look.state_dict()
    with pytest.raises(ValueError, match=r"of the shape of parameter 0, which is \(2,\), but got"):
        look.load_state_dict({"memory": {0: torch.ones(3)}, "count": 1})
    with pytest.raises(ValueError, match="LookSAM needs a state_dict with memory and count"):
        look.load_state_dict({"memory": {}})
    assert look.count == before["count"]
    assert all(map(torch.equal, look.state_dict()["memory"].values(), before["memory"].values()))
    for call, said in (
        (lambda: optim.WSAM(optimizer, gamma=1.0), "WSAM needs gamma in [0, 1), but got 1.0"),
        (lambda: optim.LookSAM(optimizer, k=0), "LookSAM needs k a whole number, at least 1, but got 0"),
        (lambda: optim.FriendlySAM(optimizer, lmbda=2), "FriendlySAM needs lmbda in [0, 1], but got 2"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
            call()


def test_sharpness_of_a_step_that_is_left_out_is_left_out():
    params = start()
    optimizer = optim.SGD(params, lr=0.01, skip_nonfinite=True)
    optim.WSAM(optimizer)
    closure, calls = closure_of(optimizer, params), []

    def spoilt():
        loss = closure()
        calls.append(1)
        params[0].grad[0] = math.inf if len(calls) == 1 else 0.0
        return loss

    optimizer.step(spoilt)
    assert all(map(torch.equal, params, start()))
    accumulating = optim.SGD(params, lr=0.01, accumulate=2)
    optim.WSAM(accumulating)
    with pytest.raises(ValueError, match="WSAM moves parameters after each closure"):
        accumulating.step(closure_of(accumulating, params))
