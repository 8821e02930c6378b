"""SAM and its kin: gradients of two points, parameters back to the bit, and an optimizer that knows nothing of it."""

import math

import pytest
import torch
from torch import nn

import thalweg as optim

STEPS = 5
WEIGHTS = [0.5, 2.0, 3.0, 0.1]


def slope(w):
    """The gradient of sum(weight * w**4) / 4."""
    return [a * x**3 for a, x in zip(WEIGHTS, w, strict=True)]


def length(vector):
    return math.sqrt(math.fsum(x * x for x in vector))


def plainly(w, lr, rho, scale_of=lambda x: 1.0, alpha=0.0, sign=1.0):
    """Foret et al. 2021, algorithm 1; Kwon et al. 2021; Zhuang et al. 2022, algorithm 1; with gradient descent."""
    for _ in range(STEPS):
        g, scales = slope(w), [scale_of(x) for x in w]
        size = length([a * s for a, s in zip(g, scales, strict=True)]) + 1e-12
        worst = [x + sign * rho * s * s * a / size for x, a, s in zip(w, g, scales, strict=True)]
        second = slope(worst)
        along = math.fsum(a * b for a, b in zip(g, second, strict=True)) / (length(second) ** 2 + 1e-12)
        step = [b - alpha * (a - along * b) for a, b in zip(g, second, strict=True)]
        w = [x - sign * lr * a for x, a in zip(w, step, strict=True)]
    return w


def closure_of(optimizer, params, asked=None):
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)

    def closure():
        optimizer.zero_grad()
        loss = (weights * torch.cat(list(params)) ** 4).sum() / 4
        loss.backward()
        if asked is not None:
            asked.append(float(loss.detach()))
        return loss

    return closure


def start():
    return [nn.Parameter(torch.tensor(part, dtype=torch.float64)) for part in ([1.0, -0.5], [0.7, 2.0])]


CASES = {
    "SAM": (optim.SAM, {"rho": 0.1}, {}),
    "ASAM": (optim.ASAM, {"rho": 0.2, "eta": 0.05}, {"scale_of": lambda x: abs(x) + 0.05}),
    "GSAM": (optim.GSAM, {"rho": 0.1, "alpha": 0.4}, {"alpha": 0.4}),
}


@pytest.mark.parametrize(("wrapper", "options", "said"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("kind", [optim.SGD, torch.optim.SGD], ids=["ours", "torch's"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["down", "up"])
def test_the_papers_algorithm(kind, wrapper, options, said, sign):
    params = start()
    optimizer = kind(params, lr=0.01, maximize=sign < 0)
    wrapper(optimizer, **options)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, params))
    wanted = plainly([1.0, -0.5, 0.7, 2.0], 0.01, options["rho"], sign=sign, **said)
    # five steps of some thirty roundings
    torch.testing.assert_close(torch.cat(params).tolist(), wanted, rtol=1e-13, atol=0)


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("adaptive", [False, True])
def test_the_same_as_pytorch_optimizer(adaptive):
    theirs = pytest.importorskip("pytorch_optimizer").SAM
    ours, others = start(), start()
    optimizer = optim.AdamW(ours, lr=0.01)
    optim.ASAM(optimizer, rho=0.1, eta=0.0) if adaptive else optim.SAM(optimizer, rho=0.1)
    other = theirs(others, torch.optim.AdamW, rho=0.1, adaptive=adaptive, lr=0.01)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, ours))
        closure = closure_of(other, others)
        closure()
        other.step(closure)
    # they take the norm in float32
    torch.testing.assert_close(torch.cat(ours), torch.cat(others), rtol=1e-9, atol=0)


def test_the_loss_is_the_first_points_and_the_wrapper_comes_off():
    params, asked = start(), []
    optimizer = optim.SGD(params, lr=0.0)
    sam = optim.SAM(optimizer, rho=0.1)
    closure = closure_of(optimizer, params, asked)
    loss = optimizer.step(closure)
    assert float(loss.detach()) == asked[0] < asked[1]
    sam.remove()
    optimizer.step(closure)
    assert len(asked) == 3


@pytest.mark.parametrize("rounding", ["master", "kahan"])
def test_low_bits_survive_the_second_point(rounding):
    """What is kept beside a narrow parameter belongs to it: it is not as if somebody had written it."""
    param = nn.Parameter(torch.ones(64, dtype=torch.bfloat16))
    optimizer = optim.SGD([param], lr=1e-4, rounding=rounding)
    optim.SAM(optimizer, rho=0.5)

    def closure():
        optimizer.zero_grad()
        loss = param.sum()
        loss.backward()
        return loss

    for _ in range(100):
        optimizer.step(closure)
    # each step alone is far below the distance of numbers in bfloat16
    assert float(param[0].detach()) == pytest.approx(0.99, abs=0.004)


def test_a_closure_that_fails_at_the_second_point_changes_nothing():
    params, calls = start(), []
    optimizer = optim.Adam(params)
    optim.SAM(optimizer)
    inner = closure_of(optimizer, params)

    def closure():
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("no second point")
        return inner()

    with pytest.raises(ValueError, match="no second point"):
        optimizer.step(closure)
    assert all(map(torch.equal, params, start()))
    assert not optimizer.state


@pytest.mark.parametrize("wrapper", [optim.SAM, optim.ASAM, optim.GSAM])
def test_a_step_without_a_closure(wrapper):
    params = start()
    optimizer = optim.SGD(params, lr=0.1)
    wrapper(optimizer)
    with pytest.raises(
        TypeError, match=f"SGD.step needs a closure, since {wrapper.__name__} evaluates the loss at two"
    ):
        optimizer.step()
    assert all(map(torch.equal, params, start()))


def test_what_it_is_not_for():
    with pytest.raises(TypeError, match="SAM needs an optimizer that steps along one gradient, but got LBFGS"):
        optim.SAM(optim.LBFGS(start()))
    with pytest.raises(TypeError, match="but got list"):
        optim.SAM(start())
    with pytest.raises(ValueError, match="GSAM needs alpha at least 0, but got -1"):
        optim.GSAM(optim.SGD(start(), lr=0.1), alpha=-1)


def test_sparse_gradients_are_refused():
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = optim.SGD(table.parameters(), lr=0.1)
    optim.SAM(optimizer)

    def closure():
        optimizer.zero_grad()
        loss = table(torch.tensor([1])).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="SAM needs dense gradients"):
        optimizer.step(closure)


def test_schedulers_and_checkpoints_are_the_optimizers():
    params = start()
    optimizer = optim.AdamW(params, lr=0.1)
    optim.SAM(optimizer)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step(closure_of(optimizer, params))
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.05
    optim.AdamW(start()).load_state_dict(optimizer.state_dict())


def test_an_interrupt_on_the_way_to_the_second_point_leaves_parameters_where_they_were(monkeypatch):
    params = [torch.ones(2, requires_grad=True) for _ in range(2)]
    optimizer = optim.SGD(params, lr=0.1)
    optim.SAM(optimizer)

    @torch.no_grad()
    def interrupted(points):
        params[0].copy_(points[params[0]])
        raise KeyboardInterrupt

    monkeypatch.setattr("thalweg.optimizers.wrappers.sharpness.put_in", interrupted)

    def closure():
        loss = sum(param.square().sum() for param in params)
        loss.backward()
        return loss

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert all(param.eq(1).all() for param in params)


def test_a_wrapper_says_whose_step_it_is():
    wrapper = optim.SAM(optim.SGD([torch.zeros(2, requires_grad=True)], lr=0.1))
    with pytest.raises(
        AttributeError, match=r"SAM has no 'step' of its own.*: write optimizer.step in place of sam.step"
    ):
        wrapper.step(lambda: 0.0)
    assert not hasattr(wrapper, "anything")
