"""AdamH: matrices keep their length, and turn by an angle; what has no length to keep is Adam's."""

import math

import pytest
import torch

import thalweg

STEPS = 6


def adam_h(w, gradients, lr=1e-2, betas=(0.9, 0.95), eps=1e-8):
    """Wen et al. 2026: W = R * unit(W - lr * R * unit(U)), with Adam's U, and R the first norm."""
    m, v, radius = [0.0] * len(w), [0.0] * len(w), math.hypot(*w)
    for t, g in enumerate(gradients, 1):
        m = [betas[0] * a + (1 - betas[0]) * b for a, b in zip(m, g, strict=True)]
        v = [betas[1] * a + (1 - betas[1]) * b * b for a, b in zip(v, g, strict=True)]
        u = [a / (1 - betas[0] ** t) / (math.sqrt(b / (1 - betas[1] ** t)) + eps) for a, b in zip(m, v, strict=True)]
        moved = [x - lr * radius * a / math.hypot(*u) for x, a in zip(w, u, strict=True)]
        w = [radius * x / math.hypot(*moved) for x in moved]
        yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("options", [{}, {"lr": 0.5, "betas": (0.5, 0.75), "eps": 1e-3}], ids=str)
def test_the_papers_equation(options, engine):
    for shape in ((3, 4), (20, 5, 10)):
        param = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64))
        gradients = torch.randn(STEPS, *shape, dtype=torch.float64)
        optimizer = thalweg.AdamH([param], **options, engine=engine)
        wanted = adam_h(param.detach().flatten().tolist(), gradients.reshape(STEPS, -1).tolist(), **options)
        for gradient, path in zip(gradients, wanted, strict=True):
            param.grad = gradient.clone()
            optimizer.step()
            # a step rounds some twenty times
            torch.testing.assert_close(param.detach().flatten().tolist(), path, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_length_does_not_drift(engine):
    param = torch.nn.Parameter(torch.randn(20, 30))
    before = float(param.detach().norm())
    optimizer = thalweg.AdamH([param], lr=0.3, engine=engine)
    for _ in range(50):
        param.grad = torch.randn(20, 30)
        optimizer.step()
    # fifty steps, of which each rounds six hundred numbers up as often as down
    assert float(param.detach().norm()) == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(
    "start", [torch.randn(7), torch.tensor(2.0), torch.zeros(3, 4)], ids=["vector", "one", "zeros"]
)
def test_what_has_no_length_to_keep_is_adams(start, engine):
    pair = [torch.nn.Parameter(start.double()) for _ in range(2)]
    rules = [thalweg.AdamH(pair[:1], engine=engine), thalweg.Adam(pair[1:], betas=(0.9, 0.95), engine=engine)]
    for _ in range(1 if start.dim() > 1 else 3):
        gradient = torch.randn_like(pair[0])
        for param, optimizer in zip(pair, rules, strict=True):
            param.grad = gradient.clone()
            optimizer.step()
    torch.testing.assert_close(*pair, rtol=1e-14, atol=0)
