"""MoMo and MoMo-Adam, in plain floats and beside their authors' package."""

import math

import pytest
import torch

import thalweg as optim

from .test_polyak import START, loss_of, parameters, slope, value

STEPS = 8

DISTURBED = (1.0, 1.3, 0.8)
"""Factors of the loss: batches differ."""


class Model:
    """Schaipp et al. 2023, algorithms 1 to 4: the means, and the rate that follows. https://arxiv.org/abs/2305.07583."""

    def __init__(self, *, lr, weight_decay, lb, use_fstar):
        self.lr, self.decay, self.lb, self.least, self.use_fstar = lr, weight_decay, lb, lb, use_fstar
        self.loss = self.gamma = 0.0

    def rate(self, loss, w, g, d, norm, beta, rho):
        self.loss = beta * self.loss + (1 - beta) * loss
        self.gamma = beta * self.gamma + (1 - beta) * math.fsum(x * a for x, a in zip(w, g, strict=True))
        dot, shrink = math.fsum(x * a for x, a in zip(w, d, strict=True)), 1 + self.lr * self.decay
        if self.use_fstar:
            cap = shrink * self.loss + dot - shrink * self.gamma
            if cap < shrink * rho * self.lb:
                self.lb = max(cap / (2 * shrink * rho), self.least)
        tau = min(self.lr / rho, max(shrink * (self.loss - rho * self.lb) + dot - shrink * self.gamma, 0) / norm)
        if self.use_fstar:
            self.lb = max((self.loss + dot - self.gamma - tau * norm / 2) / rho, self.least)
        return tau


def momo(w, *, lr=1.0, weight_decay=0.0, beta=0.9, lb=0.0, bias_correction=False, use_fstar=False):
    """Algorithm 1; without a bias correction all means start as the first that they are of."""
    model, d = Model(lr=lr, weight_decay=weight_decay, lb=lb, use_fstar=use_fstar), [0.0] * len(w)
    for k in range(STEPS):
        factor = DISTURBED[k % 3]
        g, b = [factor * a for a in slope(w)], beta if k or bias_correction else 0.0
        d = [b * x + (1 - b) * a for x, a in zip(d, g, strict=True)]
        rho = 1 - beta ** (k + 1) if bias_correction else 1.0
        tau = model.rate(factor * value(w), w, g, d, math.fsum(x * x for x in d), b, rho)
        w = [(x - tau * a) / (1 + lr * weight_decay) for x, a in zip(w, d, strict=True)]
        yield w


def momo_adam(w, *, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, lb=0.0, divide=True, use_fstar=False):
    """Algorithm 2; `divide` chooses between the proximal step and AdamW's decay, as in the authors' code."""
    model, d, v = Model(lr=lr, weight_decay=weight_decay, lb=lb, use_fstar=use_fstar), [0.0] * len(w), [0.0] * len(w)
    for k in range(STEPS):
        factor = DISTURBED[k % 3]
        g = [factor * a for a in slope(w)]
        d = [betas[0] * x + (1 - betas[0]) * a for x, a in zip(d, g, strict=True)]
        v = [betas[1] * x + (1 - betas[1]) * a * a for x, a in zip(v, g, strict=True)]
        root = [eps + math.sqrt(x / (1 - betas[1] ** (k + 1))) for x in v]
        norm = math.fsum(x * x / r for x, r in zip(d, root, strict=True))
        tau = model.rate(factor * value(w), w, g, d, norm, betas[0], 1 - betas[0] ** (k + 1))
        shrunk = w if divide else [x * (1 - lr * weight_decay) for x in w]
        w = [x - tau * a / r for x, a, r in zip(shrunk, d, root, strict=True)]
        w = [x / (1 + lr * weight_decay) for x in w] if divide else w
        yield w


CASES = [
    (optim.MoMo, momo, {}),
    (optim.MoMo, momo, {"lr": 0.05, "weight_decay": 0.1}),
    (optim.MoMo, momo, {"bias_correction": True, "lb": 0.01, "beta": 0.5}),
    (optim.MoMo, momo, {"use_fstar": True, "lb": -1.0}),
    (optim.MoMo, momo, {"use_fstar": True, "lb": 3.0, "weight_decay": 0.2, "lr": 0.3, "bias_correction": True}),
    (optim.MoMoAdam, momo_adam, {}),
    (optim.MoMoAdam, momo_adam, {"lr": 1.0, "weight_decay": 0.1, "divide": False, "eps": 0.1}),
    (optim.MoMoAdam, momo_adam, {"use_fstar": True, "lb": -1.0, "lr": 1.0}),
    (optim.MoMoAdam, momo_adam, {"use_fstar": True, "lb": 3.0, "weight_decay": 0.2, "lr": 0.3, "betas": (0.5, 0.8)}),
]
NAMED = [f"{cls.__name__}-{'-'.join(options) or 'plain'}" for cls, _, options in CASES]


def walked(make, **options):
    """Give all weights after each step along disturbed losses."""
    params = parameters()
    optimizer, path = make(params, **options), []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = DISTURBED[step % 3] * loss_of(params)
        loss.backward()
        optimizer.step(loss=loss)
        path.append(torch.cat([param.detach() for param in params]))
    return torch.stack(path)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("cls", "reference", "options"), CASES, ids=NAMED)
def test_the_algorithm(cls, reference, options, engine):
    wanted = torch.tensor(list(reference(START, **options)), dtype=torch.float64)
    torch.testing.assert_close(walked(cls, **options, engine=engine), wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("cls", "options"), [(cls, options) for cls, _, options in CASES], ids=NAMED)
def test_the_authors_package(cls, options):
    """It keeps the mean of slopes in float32."""
    theirs = getattr(pytest.importorskip("momo"), {"MoMo": "Momo", "MoMoAdam": "MomoAdam"}[cls.__name__])
    torch.testing.assert_close(walked(cls, **options), walked(theirs, **options), rtol=1e-5, atol=1e-5)


def test_a_step_that_is_left_out_teaches_nothing():
    params = parameters()
    optimizer = optim.MoMo(params, skip_nonfinite=True)
    before = {name: optimizer.param_groups[0][name] for name in optimizer.learned}
    for param in params:
        param.grad = torch.full_like(param, torch.inf)
    optimizer.step(loss=1.0)
    assert before == {name: optimizer.param_groups[0][name] for name in optimizer.learned}


def test_without_gradients_nothing_moves():
    """The model is flat, and has no way down."""
    params = parameters()
    optimizer = optim.MoMo(params)
    for param in params:
        param.grad = torch.zeros_like(param)
    optimizer.step(loss=1.0)
    assert torch.equal(torch.cat(params), torch.cat(parameters()))
