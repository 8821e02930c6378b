"""bSAM and IVON: the papers' algorithms in plain floats, the authors' package, and what a step leaves behind."""

import copy

import pytest
import torch
from torch import nn

import thalweg as optim
from thalweg.formula.matrices.triangular import normal

STEPS = 5
ENGINES = pytest.mark.parametrize("engine", ["auto", "eager"])
WAYS = pytest.mark.parametrize("sign", [1, -1], ids=["down", "up"])


def slope(w):
    """Give the gradient of w^4 / 4 - w, whose curvature differs from place to place."""
    return w**3 - 1


def bsam(w, noise, lr=0.5, betas=(0.9, 0.999), rho=0.05, weight_decay=1e-4, damping=0.1, num_data=5e4, hess_init=1.0):
    """Moellenhoff & Khan 2023, algorithm 1, in the order of the authors' code. https://arxiv.org/abs/2210.01620."""
    m, s = 0.0, hess_init
    for e in noise:
        g = slope(w + e / (num_data * s) ** 0.5)
        g_worst = slope(w + rho * g / s)
        m = betas[0] * m + (1 - betas[0]) * (g_worst + weight_decay * w)
        w -= lr * m / s
        s = betas[1] * s + (1 - betas[1]) * (s**0.5 * abs(g) + damping + weight_decay)
        yield w


def ivon(w, noise, lr=0.1, ess=5e4, hess_init=1.0, betas=(0.9, 0.99999), weight_decay=1e-4, clip_radius=float("inf")):
    """Shen et al. 2024, algorithm 1, with the rate of the authors' package. https://arxiv.org/abs/2402.17641."""
    m, h = 0.0, hess_init
    for t, e in enumerate(noise, 1):
        sigma = (ess * (h + weight_decay)) ** -0.5
        g = slope(w + sigma * e)
        h_hat = g * (sigma * e) / sigma**2
        m = betas[0] * m + (1 - betas[0]) * g
        correction = (1 - betas[1]) ** 2 * (h - h_hat) ** 2 / (2 * (h + weight_decay))
        h = betas[1] * h + (1 - betas[1]) * h_hat + correction
        step = (m / (1 - betas[0] ** t) + weight_decay * w) / (h + weight_decay)
        w -= lr * (hess_init + weight_decay) * max(-clip_radius, min(step, clip_radius))
        yield w


OTHERS = {"lr": 0.01, "betas": (0.5, 0.75), "weight_decay": 0.1, "hess_init": 2.0}
CASES = [
    pytest.param("BSAM", bsam, {}, id="BSAM"),
    pytest.param("BSAM", bsam, OTHERS | {"rho": 0.2, "damping": 0.3, "num_data": 20.0}, id="BSAM-others"),
    pytest.param("IVON", ivon, {}, id="IVON"),
    pytest.param("IVON", ivon, OTHERS | {"ess": 20.0, "clip_radius": 0.7}, id="IVON-others"),
]


def closure_of(optimizer, param, sign=1):
    def closure():
        optimizer.zero_grad()
        loss = sign * (param**4 / 4 - param).sum()
        loss.backward()
        return loss

    return closure


@ENGINES
@WAYS
@pytest.mark.parametrize(("name", "rule", "options"), CASES)
def test_the_papers_algorithm(name, rule, options, engine, sign):
    start = torch.randn(40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    param = nn.Parameter(start.clone())
    optimizer = getattr(optim, name)([param], **options, engine=engine, maximize=sign < 0, seed=3)
    for _ in range(STEPS):
        optimizer.step(closure_of(optimizer, param, sign))
    noise = torch.stack([normal(start, 3, 0, step) for step in range(STEPS)])
    wanted = [list(rule(float(w), noise[:, place].tolist(), **options))[-1] for place, w in enumerate(start)]
    torch.testing.assert_close(param.detach(), torch.tensor(wanted, dtype=torch.float64), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("many", [1, 3])
def test_the_same_as_the_authors_ivon(monkeypatch, many):
    theirs = pytest.importorskip("ivon").IVON
    ours, other = (nn.Parameter(torch.linspace(-1, 2, 30).double()) for _ in range(2))
    optimizer = optim.IVON([ours], lr=0.05, ess=20, betas=(0.8, 0.9), clip_radius=0.5, mc_samples=many)
    authors = theirs([other], lr=0.05, ess=20, beta1=0.8, beta2=0.9, clip_radius=0.5, mc_samples=many)
    for step in range(STEPS):
        draws = [normal(ours.detach(), 0, number, step) for number in range(many)]
        optimizer.step(closure_of(optimizer, ours))
        for drawn in draws:
            with monkeypatch.context() as patch:
                patch.setattr(torch, "randn", lambda *_, drawn=drawn, **__: drawn)
                with authors.sampled_params(train=True):
                    closure_of(authors, other)()
        authors.step()
    torch.testing.assert_close(ours, other, rtol=1e-12, atol=0)


def test_the_mean_of_several_draws_is_the_papers():
    """Shen et al. 2024, algorithm 1, line 1: means of gradients and of estimates, for one step from zero curvature."""
    param = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = optim.IVON([param], lr=0.1, ess=20.0, betas=(0.5, 0.75), weight_decay=0.1, mc_samples=2)
    loss = optimizer.step(closure_of(optimizer, param))
    sigma = (20.0 * 1.1) ** -0.5
    noise = [float(normal(param.detach(), 0, number, 0)) for number in range(2)]
    places = [1 + sigma * e for e in noise]
    mean = sum(map(slope, places)) / 2
    h_hat = sum(slope(w) * e / sigma for w, e in zip(places, noise, strict=True)) / 2
    h = 0.75 + 0.25 * h_hat + 0.25**2 * (1 - h_hat) ** 2 / 2.2
    assert float(param.detach()) == pytest.approx(1 - 0.1 * 1.1 * (mean + 0.1) / (h + 0.1), rel=1e-13)
    assert float(loss.detach()) == pytest.approx(sum(w**4 / 4 - w for w in places) / 2, rel=1e-13)
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))], "mc_samples": 3})
    with pytest.raises(
        ValueError, match=r"^IVON needs one number of mc_samples, .* but groups have 2 and 3: give it to"
    ):
        optimizer.step(closure_of(optimizer, param))


@pytest.mark.parametrize("name", ["BSAM", "IVON"])
def test_going_on_from_a_checkpoint_draws_the_same(name):
    def stepped(param, steps, saved=None):
        optimizer = getattr(optim, name)([param], lr=0.01)
        if saved is not None:
            optimizer.load_state_dict(copy.deepcopy(saved))
        for _ in range(steps):
            optimizer.step(closure_of(optimizer, param))
        return optimizer.state_dict()

    whole, halved = (nn.Parameter(torch.ones(5)) for _ in range(2))
    stepped(whole, 4)
    stepped(halved, 2, stepped(halved, 2))
    assert torch.equal(whole, halved)


@pytest.mark.parametrize("name", ["BSAM", "IVON"])
def test_a_closure_that_fails_changes_nothing(name):
    param = nn.Parameter(torch.ones(3))
    optimizer = getattr(optim, name)([param])
    before, calls = param.detach().clone(), []

    def closure():
        calls.append(param.detach().clone())
        raise KeyError("no batch")

    with pytest.raises(KeyError):
        optimizer.step(closure)
    assert not torch.equal(calls[0], before)
    assert torch.equal(param, before)
    assert not optimizer.state
    param.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match=rf"{name} cannot step parameter 0 .* call step\(closure\)"):
        optimizer.step()
    with pytest.raises(RuntimeError, match=rf"{name}.update_hessian needs estimates"):
        optimizer.update_hessian()


@pytest.mark.parametrize("name", ["BSAM", "IVON"])
def test_a_step_without_finite_gradients_is_left_out(name):
    param = nn.Parameter(torch.ones(3))
    optimizer = getattr(optim, name)([param], skip_nonfinite=True)
    optimizer.step(closure_of(optimizer, param))
    before, hessian = param.detach().clone(), optimizer.state[param]["hessian"].clone()

    def closure():
        optimizer.zero_grad()
        (param * torch.inf).sum().backward()
        return torch.tensor(0.0)

    optimizer.step(closure)
    assert torch.equal(param, before)
    assert torch.equal(optimizer.state[param]["hessian"], hessian)
