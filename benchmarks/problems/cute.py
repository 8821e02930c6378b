"""Problems of CUTE and of Andrei's collection, from their published formulas.

Bongartz, Conn, Gould & Toint 1995, "CUTE: constrained and unconstrained testing environment", ACM TOMS 21,
https://doi.org/10.1145/200979.201043; Andrei 2008, "An unconstrained optimization test functions collection",
Advanced Modeling and Optimization 10. Minima that are not zero by the formula are ours: the lowest value that
SciPy's methods or ours have reached.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from problems.problem import count, function, squares


@function("ARWHEAD, n = 1,000", [1.0] * 1000, 0.0)
def arrowhead(x: Tensor) -> Tensor:
    return ((x[:-1] ** 2 + x[-1] ** 2) ** 2 - 4 * x[:-1] + 3).sum()


@function("BDQRTIC, n = 100", [1.0] * 100, 378.7691918)
def banded_quartic(x: Tensor) -> Tensor:
    n = x.numel()
    inner = sum((k + 1) * x[k : n - 4 + k] ** 2 for k in range(4))
    return ((-4 * x[:-4] + 3) ** 2 + (inner + 5 * x[-1] ** 2) ** 2).sum()


@function("CRAGGLVY, n = 500", [1.0] + [2.0] * 499, 167.4491276)
def cragg_levy(x: Tensor) -> Tensor:
    a, b, c, d = x[:-2:2], x[1:-2:2], x[2::2], x[3::2]
    first = (torch.exp(a) - b) ** 4 + 100 * (b - c) ** 6
    return (first + (torch.tan(c - d) + c - d) ** 4 + a**8 + (d - 1) ** 2).sum()


def dixmaan(alpha: float, beta: float, gamma: float, delta: float, powers: tuple[int, int, int, int]) -> object:
    def value(x: Tensor) -> Tensor:
        n = x.numel()
        m = n // 3
        i = count(n) / n
        a, b, c, d = powers
        first = alpha * (x**2 * i**a).sum()
        second = beta * (i[:-1] ** b * x[:-1] ** 2 * (x[1:] + x[1:] ** 2) ** 2).sum()
        third = gamma * (i[: 2 * m] ** c * x[: 2 * m] ** 2 * x[m:] ** 4).sum()
        return 1 + first + second + third + delta * (i[:m] ** d * x[:m] * x[2 * m :]).sum()

    return value


@function("DIXMAANA, n = 3,000", [2.0] * 3000, 1.0)
def dixmaan_a(x: Tensor) -> Tensor:
    return dixmaan(1, 0, 0.125, 0.125, (0, 0, 0, 0))(x)


@function("DIXMAANH, n = 1,500", [2.0] * 1500, 1.0)
def dixmaan_h(x: Tensor) -> Tensor:
    return dixmaan(1, 0.26, 0.26, 0.26, (1, 0, 0, 1))(x)


@function("DIXMAANL, n = 1,500", [2.0] * 1500, 1.0)
def dixmaan_l(x: Tensor) -> Tensor:
    return dixmaan(1, 0.26, 0.26, 0.26, (2, 0, 0, 2))(x)


@function("DQDRTIC, n = 1,000", [3.0] * 1000, 0.0)
def diagonal_quadratic(x: Tensor) -> Tensor:
    return (x[:-2] ** 2 + 100 * x[1:-1] ** 2 + 100 * x[2:] ** 2).sum()


@function("EDENSCH, n = 1,000", [8.0] * 1000, 6003.28459)
def edensch(x: Tensor) -> Tensor:
    a, b = x[:-1], x[1:]
    return 16 + ((a - 2) ** 4 + (a * b - 2 * b) ** 2 + (b + 1) ** 2).sum()


@function("ENGVAL1, n = 1,000", [2.0] * 1000, 1108.194718)
def engval(x: Tensor) -> Tensor:
    return ((x[:-1] ** 2 + x[1:] ** 2) ** 2 - 4 * x[:-1] + 3).sum()


@squares("Extended Beale, Andrei 2008, n = 1,000", [1.0, 0.8] * 500, 0.0)
def extended_beale(x: Tensor) -> Tensor:
    a, b = x[::2], x[1::2]
    return torch.cat([y - a * (1 - b**i) for i, y in enumerate((1.5, 2.25, 2.625), 1)])


@squares("FREUROTH, n = 1,000", [0.5, -2.0] + [0.0] * 998, 121469.710109)
def extended_freudenstein_roth(x: Tensor) -> Tensor:
    a, b = x[:-1], x[1:]
    return torch.cat((-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b))


@squares("GENROSE without its constant 1, n = 100", count(100) / 101, 0.0)
def generalized_rosenbrock(x: Tensor) -> Tensor:
    return torch.cat((10 * (x[1:] - x[:-1] ** 2), x[1:] - 1))


@squares("Chained Rosenbrock, Toint 1978, n = 20", [-1.2, 1.0] * 10, 0.0)
def chained_rosenbrock(x: Tensor) -> Tensor:
    return torch.cat((10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]))


@squares("LIARWHD, n = 1,000", [4.0] * 1000, 0.0)
def liarwhd(x: Tensor) -> Tensor:
    return torch.cat((2 * (x**2 - x[0]), x - 1))


@squares("NONDIA, n = 1,000", [-1.0] * 1000, 0.0)
def nondia(x: Tensor) -> Tensor:
    return torch.cat(((x[0] - 1)[None], 10 * (x[0] - x[:-1] ** 2)))


@function("NONDQUAR, n = 100", [1.0, -1.0] * 50, 0.0, hard=True)
def nondiagonal_quartic(x: Tensor) -> Tensor:
    ends = (x[0] - x[1]) ** 2 + (x[-2] + x[-1]) ** 2
    return ends + ((x[:-2] + x[1:-1] + x[-1]) ** 4).sum()


@function("POWER, Andrei 2008, n = 100", [1.0] * 100, 0.0)
def power(x: Tensor) -> Tensor:
    return (count(x.numel()) * x**2).sum()


@function("QUARTC, n = 1,000", [2.0] * 1000, 0.0)
def quartic(x: Tensor) -> Tensor:
    return ((x - count(x.numel())) ** 4).sum()


@function("SCHMVETT, n = 100", [0.5] * 100, -294.0)
def schmidt_vetters(x: Tensor) -> Tensor:
    a, b, c = x[:-2], x[1:-1], x[2:]
    bell = torch.exp(-(((a + c) / b - 2) ** 2))
    return (-1 / (1 + (a - b) ** 2) - torch.sin((torch.pi * b + c) / 2) - bell).sum()


@squares("TRIDIA, n = 1,000", [1.0] * 1000, 0.0)
def tridia(x: Tensor) -> Tensor:
    weights = count(x.numel())[1:].sqrt()
    return torch.cat(((x[0] - 1)[None], weights * (2 * x[1:] - x[:-1])))


@function("TOINTGSS, n = 1,000", [3.0] * 1000, 9.970059880)
def toint_gaussian(x: Tensor) -> Tensor:
    n = x.numel()
    a, b, c = x[:-2], x[1:-1], x[2:]
    return ((10 / (n + 2) + c**2) * (2 - torch.exp(-((a - b) ** 2) / (0.1 + c**2)))).sum()


@squares("WOODS, n = 1,000", [-3.0, -1.0, -3.0, -1.0] * 250, 0.0)
def extended_wood(x: Tensor) -> Tensor:
    a, b, c, d = x.view(-1, 4).unbind(1)
    rest = (1 - c, 10**0.5 * (b + d - 2), (b - d) / 10**0.5)
    return torch.cat((10 * (b - a**2), 1 - a, 90**0.5 * (d - c**2), *rest))


@function("FLETCHCR, n = 100", [0.0] * 100, 0.0, hard=True)
def fletcher_chain(x: Tensor) -> Tensor:
    return 100 * ((x[1:] - x[:-1] + 1 - x[:-1] ** 2) ** 2).sum()


@function("COSINE, n = 1,000", [1.0] * 1000, -999.0)
def cosine(x: Tensor) -> Tensor:
    return torch.cos(-0.5 * x[1:] + x[:-1] ** 2).sum()


@function("One-dimensional Laplacian, n = 300, b = 1", [0.0] * 300, -1136275.0)
def laplacian(x: Tensor) -> Tensor:
    return 0.5 * (pad(x, (1, 0)) - pad(x, (0, 1))).square().sum() - x.sum()
