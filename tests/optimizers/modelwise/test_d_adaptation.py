"""The D-Adaptation family beside plain floats, and beside its authors' package where that is installed."""

import importlib
import math

import pytest
import torch
from torch import nn

import thalweg

SHAPES = [(5,), (3, 4), (300,), ()]
STEPS = 40
D0 = 1e-3


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator)) for shape in SHAPES]


def gradient_at(step, param):
    generator = torch.Generator().manual_seed(step)
    return param.detach() - 2 + 0.1 * torch.randn(param.shape, dtype=torch.float64, generator=generator)


def walk(optimizer, params):
    """Step towards 2, with noise; give where it ends, and the estimate."""
    for step in range(STEPS):
        for param in params:
            param.grad = gradient_at(step, param)
        optimizer.step()
    return [param.detach() for param in params], optimizer.param_groups[0]["d"]


EXPERIMENTAL = ("AdamPreprint", "AdanIP")
"""What their package has in a part of its own."""

CASES = [
    ("Adam", {}),
    ("Adam", {"decouple": True, "weight_decay": 0.1, "use_bias_correction": True}),
    ("Adam", {"weight_decay": 0.1, "growth_rate": 1.5}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("AdaGrad", {}),
    ("AdaGrad", {"momentum": 0.5, "weight_decay": 0.1}),
    ("Adan", {}),
    ("Adan", {"no_prox": True, "weight_decay": 0.1}),
    ("Lion", {"weight_decay": 0.1}),
    ("AdamPreprint", {"weight_decay": 0.1}),
    ("AdamPreprint", {"decouple": True, "weight_decay": 0.1, "growth_rate": 1.5}),
    ("AdanIP", {}),
    ("AdanIP", {"no_prox": True, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_authors_package(name, options, engine):
    pytest.importorskip("dadaptation")
    module = importlib.import_module("dadaptation.experimental" if name in EXPERIMENTAL else "dadaptation")
    theirs = getattr(module, f"DAdapt{name}")
    ours, others = parameters(), parameters()
    found = walk(getattr(thalweg, f"DAdapt{name}")(ours, d0=D0, **options, engine=engine), ours)
    wanted = walk(theirs(others, lr=1.0, d0=D0, **options), others)
    # sums are taken in another order, and the estimate feeds on itself
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-7, atol=1e-7)
    assert found[1] == pytest.approx(float(wanted[1]), rel=1e-7)
    assert found[1] > 2 * D0


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def adam(x, d, slope):
    """Defazio & Mishchenko 2023, algorithm 5, with the options that are default."""
    m, v, s, num, k = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x), 0.0, math.sqrt(0.999)
    for t in range(STEPS):
        g = slope(t, x)
        num = k * num + (1 - k) * d * math.fsum(a * b / (math.sqrt(c) + 1e-8) for a, b, c in zip(g, s, v, strict=True))
        m = [0.9 * a + 0.1 * d * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        s = [k * a + (1 - k) * d * b for a, b in zip(s, g, strict=True)]
        x = [a - b / (math.sqrt(c) + 1e-8) for a, b, c in zip(x, m, v, strict=True)]
        d = max(d, num / ((1 - k) * math.fsum(map(abs, s))))
    return x, d


def sgd(x, d, slope):
    """Algorithm 4."""
    s, num, start, first = [0.0] * len(x), 0.0, x, None
    for t in range(STEPS):
        g = slope(t, x)
        first = first or math.sqrt(dot(g, g))
        num += d / first * dot(g, s)
        s = [a + d / first * b for a, b in zip(s, g, strict=True)]
        d = max(d, 2 * num / math.sqrt(dot(s, s)))
        x = [a - b for a, b in zip(start, s, strict=True)]
    return x, d


def adagrad(x, d, slope):
    """Algorithm 3, with eps beside the root."""
    a, s, start, gradients = [1e-6] * len(x), [0.0] * len(x), x, 0.0
    for t in range(STEPS):
        g = slope(t, x)
        a = [p + q * q for p, q in zip(a, g, strict=True)]
        s = [p + d * q for p, q in zip(s, g, strict=True)]
        roots = [math.sqrt(p) + 1e-6 for p in a]
        gradients += d * d * math.fsum(q * q / r for q, r in zip(g, roots, strict=True))
        square = math.fsum(p * p / r for p, r in zip(s, roots, strict=True))
        d = max(d, (square - gradients) / math.fsum(map(abs, s)))
        x = [p - q / r for p, q, r in zip(start, s, roots, strict=True)]
    return x, d


def adan(x, d, slope):
    """As in the authors' package, whose decay divides at the end."""
    zeros = [0.0] * len(x)
    m, n, v, s, last, past = zeros, zeros, zeros, zeros, None, 0.0
    for t in range(STEPS):
        g = slope(t, x)
        change = [a - b for a, b in zip(g, last or g, strict=True)]
        m = [0.98 * a + 0.02 * d * b for a, b in zip(m, g, strict=True)]
        n = [0.92 * a + 0.08 * d * b for a, b in zip(n, change, strict=True)]
        v = [0.99 * a + 0.01 * (b + 0.92 * c) ** 2 for a, b, c in zip(v, g, change, strict=True)]
        roots = [math.sqrt(a) + 1e-8 for a in v]
        s = [0.99 * a + 0.01 * d * b for a, b in zip(s, g, strict=True)]
        past = 0.99 * past + 0.01 * d * d * math.fsum(a * a / r for a, r in zip(g, roots, strict=True))
        square = math.fsum(a * a / r for a, r in zip(s, roots, strict=True))
        x = [(a - (b + 0.92 * c) / r) / (1 + d * 0.02) for a, b, c, r in zip(x, m, n, roots, strict=True)]
        d = max(d, (square / 0.01 - past) / math.fsum(map(abs, s)))
        last = g
    return x, d


def lion(x, d, slope):
    """As in the authors' package."""
    m, s, num, k = [0.0] * len(x), [0.0] * len(x), 0.0, math.sqrt(0.99)
    for t in range(STEPS):
        g = slope(t, x)
        u = [math.copysign(1.0, 0.9 * a + 0.1 * b) for a, b in zip(m, g, strict=True)]
        num = k * num + (1 - k) * d * dot(u, s)
        m = [0.99 * a + 0.01 * d * b for a, b in zip(m, g, strict=True)]
        s = [k * a + (1 - k) * d * b for a, b in zip(s, u, strict=True)]
        x = [a - d * b for a, b in zip(x, u, strict=True)]
        d = max(d, num / ((1 - k) * math.fsum(map(abs, s))))
    return x, d


def adam_preprint(x, d, slope):
    """As in the authors' package: the bound of the first version."""
    m, v, s, past = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x), 0.0
    for t in range(STEPS):
        g = slope(t, x)
        m = [0.9 * a + 0.1 * d * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        s = [0.999 * a + 0.001 * d * b for a, b in zip(s, g, strict=True)]
        roots = [math.sqrt(a) + 1e-8 for a in v]
        past = 0.999 * past + 0.001 * d * d * math.fsum(a * a / r for a, r in zip(g, roots, strict=True))
        square = math.fsum(a * a / r for a, r in zip(s, roots, strict=True))
        x = [a - b / r for a, b, r in zip(x, m, roots, strict=True)]
        d = max(d, (square / 0.001 - past) / math.fsum(map(abs, s)))
    return x, d


def adan_ip(x, d, slope):
    """As in the authors' package: inner products of gradients with the sum of steps before them."""
    zeros = [0.0] * len(x)
    m, n, v, s, last, num = zeros, zeros, zeros, zeros, None, 0.0
    for t in range(STEPS):
        g = slope(t, x)
        change = [a - b for a, b in zip(g, last or g, strict=True)]
        inner = math.fsum(a * b / (math.sqrt(c) + 1e-8) for a, b, c in zip(g, s, v, strict=True))
        num = 0.99 * num + 0.01 * d * inner
        m = [0.98 * a + 0.02 * d * b for a, b in zip(m, g, strict=True)]
        n = [0.92 * a + 0.08 * d * b for a, b in zip(n, change, strict=True)]
        v = [0.99 * a + 0.01 * (b + 0.92 * c) ** 2 for a, b, c in zip(v, g, change, strict=True)]
        s = [0.99 * a + 0.01 * d * b for a, b in zip(s, g, strict=True)]
        moves = [(b + 0.92 * c) / (math.sqrt(e) + 1e-8) for b, c, e in zip(m, n, v, strict=True)]
        x = [(a - b) / (1 + d * 0.02) for a, b in zip(x, moves, strict=True)]
        d = max(d, 2 * 0.99 / 0.01 * num / math.fsum(map(abs, s)))
        last = g
    return x, d


RULES = {"Adam": adam, "SGD": sgd, "AdaGrad": adagrad, "Adan": adan, "Lion": lion}
RULES |= {"AdamPreprint": adam_preprint, "AdanIP": adan_ip}


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("name", RULES)
def test_plain_floats(name, engine):
    param = parameters()[1]
    start = param.detach().flatten().tolist()

    def slope(step, x):
        return gradient_at(step, torch.tensor(x, dtype=torch.float64).reshape(param.shape)).flatten().tolist()

    wanted, estimate = RULES[name](start, D0, slope)
    (found,), d = walk(getattr(thalweg, f"DAdapt{name}")([param], d0=D0, engine=engine), [param])
    torch.testing.assert_close(found.flatten().tolist(), wanted, rtol=1e-8, atol=1e-8)
    assert d == pytest.approx(estimate, rel=1e-8)
    assert d > D0


@pytest.mark.parametrize("name", RULES)
def test_a_group_whose_rate_is_zero_rests_and_teaches_nothing(name):
    kind = getattr(thalweg, f"DAdapt{name}")
    first, *others = parameters()
    still = first.detach().clone()
    alone = parameters()[1:]
    together = walk(kind([{"params": others}, {"params": [first], "lr": 0.0}], d0=D0, max_grad_norm=1e9), others)
    if name != "SGD":  # its first gradient is the whole model's
        torch.testing.assert_close(together, walk(kind(alone, d0=D0), alone), rtol=1e-9, atol=1e-9)
    assert torch.equal(first, still)


@pytest.mark.parametrize("name", RULES)
def test_decay_that_knows_nothing_of_d_is_refused(name):
    with pytest.raises(ValueError, match="does not take decoupled_weight_decay=True, since it would leave d out"):
        getattr(thalweg, f"DAdapt{name}")([torch.zeros(2)], decoupled_weight_decay=True)
