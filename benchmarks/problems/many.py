"""Moré, Garbow & Hillstrom's problems with any number of variables.

Moré, Garbow & Hillstrom 1981, "Testing unconstrained optimization software", ACM TOMS 7, section 3,
https://doi.org/10.1145/355934.355936. Minima of sizes that the paper does not list are ours: the lowest value that
SciPy's methods or ours have reached.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from problems.problem import count, squares


def rosenbrock_pairs(x: Tensor) -> Tensor:
    return torch.cat((10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]))


@squares("MGH 21, n = 100", [-1.2, 1.0] * 50, 0.0)
def extended_rosenbrock_100(x: Tensor) -> Tensor:
    return rosenbrock_pairs(x)


@squares("MGH 21, n = 10,000", [-1.2, 1.0] * 5000, 0.0)
def extended_rosenbrock_10000(x: Tensor) -> Tensor:
    return rosenbrock_pairs(x)


@squares("MGH 22, n = 1,000", [3.0, -1.0, 0.0, 1.0] * 250, 0.0)
def extended_powell(x: Tensor) -> Tensor:
    a, b, c, d = x.view(-1, 4).unbind(1)
    return torch.cat((a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2))


def penalty_one(x: Tensor) -> Tensor:
    return torch.cat((1e-5**0.5 * (x - 1), (x.square().sum() - 0.25)[None]))


@squares("MGH 23, n = 10", count(10), 7.0876515e-5)
def penalty_one_10(x: Tensor) -> Tensor:
    return penalty_one(x)


@squares("MGH 23, n = 1,000", count(1000), 9.686175433e-3)
def penalty_one_1000(x: Tensor) -> Tensor:
    return penalty_one(x)


def penalty_two(x: Tensor) -> Tensor:
    n = x.numel()
    y = torch.exp(count(2 * n) / 10)
    y = y[1:n] + y[: n - 1]
    e = torch.exp(x / 10)
    small = 1e-5**0.5
    parts = (small * (e[1:] + e[:-1] - y), small * (e[1:] - torch.exp(torch.tensor(-0.1, dtype=x.dtype))))
    last = ((n - torch.arange(n, dtype=x.dtype)) * x.square()).sum() - 1
    return torch.cat(((x[0] - 0.2)[None], *parts, last[None]))


@squares("MGH 24, n = 4", [0.5] * 4, 9.3762930e-6)
def penalty_two_4(x: Tensor) -> Tensor:
    return penalty_two(x)


@squares("MGH 24, n = 10", [0.5] * 10, 2.9366053e-4)
def penalty_two_10(x: Tensor) -> Tensor:
    return penalty_two(x)


@squares("MGH 25, n = 100", 1 - count(100) / 100, 0.0)
def variably_dimensioned(x: Tensor) -> Tensor:
    tilt = (count(x.numel()) * (x - 1)).sum()
    return torch.cat((x - 1, tilt[None], tilt.square()[None]))


@squares("MGH 26, n = 10", [0.1] * 10, 2.795056122e-5)
def trigonometric(x: Tensor) -> Tensor:
    n, i = x.numel(), count(x.numel())
    return n - torch.cos(x).sum() + i * (1 - torch.cos(x)) - torch.sin(x)


@squares("MGH 27, n = 10", [0.5] * 10, 0.0)
def brown_almost_linear(x: Tensor) -> Tensor:
    return torch.cat((x[:-1] + x.sum() - (x.numel() + 1), (x.prod() - 1)[None]))


def grid(n: int) -> Tensor:
    return count(n) / (n + 1)


@squares("MGH 28, n = 100", grid(100) * (grid(100) - 1), 0.0, hard=True)
def boundary_value(x: Tensor) -> Tensor:
    n = x.numel()
    wide = pad(x, (1, 1))
    return 2 * x - wide[:-2] - wide[2:] + (x + grid(n) + 1) ** 3 / (2 * (n + 1) ** 2)


@squares("MGH 29, n = 100", grid(100) * (grid(100) - 1), 0.0)
def integral_equation(x: Tensor) -> Tensor:
    n, t = x.numel(), grid(x.numel())
    cube = (x + t + 1) ** 3
    below, all_above = torch.cumsum(t * cube, 0), torch.cumsum((1 - t) * cube, 0)
    return x + ((1 - t) * below + t * (all_above[-1] - all_above)) / (2 * (n + 1))


@squares("MGH 30, n = 100", [-1.0] * 100, 0.0)
def broyden_tridiagonal(x: Tensor) -> Tensor:
    wide = pad(x, (1, 1))
    return (3 - 2 * x) * x - wide[:-2] - 2 * wide[2:] + 1


@squares("MGH 31, n = 1,000", [-1.0] * 1000, 0.0)
def broyden_banded(x: Tensor) -> Tensor:
    n = x.numel()
    wide = pad(x * (1 + x), (5, 1))
    near = sum(wide[k : k + n] for k in (0, 1, 2, 3, 4, 6))
    return x * (2 + 5 * x**2) + 1 - near


def chebyquad(x: Tensor) -> Tensor:
    y = 2 * x - 1
    before, now, means = torch.ones_like(y), y, []
    for i in range(1, x.numel() + 1):
        integral = 0.0 if i % 2 else -1 / (i * i - 1)
        means.append(now.mean() - integral)
        before, now = now, 2 * y * now - before
    return torch.stack(means)


@squares("MGH 35, n = 8", grid(8), 3.5168737256e-3)
def chebyquad_8(x: Tensor) -> Tensor:
    return chebyquad(x)


@squares("MGH 35, n = 10", grid(10), 6.5039548e-3)
def chebyquad_10(x: Tensor) -> Tensor:
    return chebyquad(x)
