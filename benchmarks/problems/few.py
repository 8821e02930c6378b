"""Moré, Garbow & Hillstrom's problems with a fixed, small number of variables.

Moré, Garbow & Hillstrom 1981, "Testing unconstrained optimization software", ACM TOMS 7, section 3,
https://doi.org/10.1145/355934.355936. Numbers are theirs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from problems.problem import count, function, numbers, squares


@squares("MGH 1", [-1.2, 1.0], 0.0)
def rosenbrock(x: Tensor) -> Tensor:
    return torch.stack((10 * (x[1] - x[0] ** 2), 1 - x[0]))


@squares("MGH 2", [0.5, -2.0], 48.984253679)
def freudenstein_roth(x: Tensor) -> Tensor:
    a, b = x
    return torch.stack((-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b))


@squares("MGH 3", [0.0, 1.0], 0.0)
def powell_badly_scaled(x: Tensor) -> Tensor:
    return torch.stack((1e4 * x[0] * x[1] - 1, torch.exp(-x[0]) + torch.exp(-x[1]) - 1.0001))


@squares("MGH 4", [1.0, 1.0], 0.0)
def brown_badly_scaled(x: Tensor) -> Tensor:
    return torch.stack((x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2))


@squares("MGH 5", [1.0, 1.0], 0.0)
def beale(x: Tensor) -> Tensor:
    return torch.stack([y - x[0] * (1 - x[1] ** i) for i, y in enumerate((1.5, 2.25, 2.625), 1)])


@squares("MGH 6, m = 10", [0.3, 0.4], 124.36218236)
def jennrich_sampson(x: Tensor) -> Tensor:
    i = count(10)
    return 2 + 2 * i - (torch.exp(i * x[0]) + torch.exp(i * x[1]))


@squares("MGH 7", [-1.0, 0.0, 0.0], 0.0)
def helical_valley(x: Tensor) -> Tensor:
    theta = torch.atan(x[1] / x[0]) / (2 * math.pi) + torch.where(x[0] < 0, 0.5, 0.0)
    return torch.stack((10 * (x[2] - 10 * theta), 10 * (torch.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]))


@squares("MGH 8", [1.0, 1.0, 1.0], 8.2148773065e-3)
def bard(x: Tensor) -> Tensor:
    y = numbers(".14 .18 .22 .25 .29 .32 .35 .39 .37 .58 .73 .96 1.34 2.10 4.39")
    u = count(15)
    v = 16 - u
    return y - (x[0] + u / (v * x[1] + torch.minimum(u, v) * x[2]))


@squares("MGH 9", [0.4, 1.0, 0.0], 1.1279327696e-8)
def gaussian(x: Tensor) -> Tensor:
    y = numbers(".0009 .0044 .0175 .0540 .1295 .2420 .3521 .3989 .3521 .2420 .1295 .0540 .0175 .0044 .0009")
    t = (8 - count(15)) / 2
    return x[0] * torch.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


@squares("MGH 10", [0.02, 4000.0, 250.0], 87.945855171, hard=True)
def meyer(x: Tensor) -> Tensor:
    y = numbers("34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872")
    return x[0] * torch.exp(x[1] / (45 + 5 * count(16) + x[2])) - y


@squares("MGH 11, m = 99, its formula corrected as in TOMS 566", [5.0, 2.5, 0.15], 0.0)
def gulf(x: Tensor) -> Tensor:
    t = count(99) / 100
    y = 25 + (-50 * torch.log(t)) ** (2 / 3)
    return torch.exp(-(torch.abs(y - x[1]) ** x[2]) / x[0]) - t


@squares("MGH 12, m = 10", [0.0, 10.0, 20.0], 0.0)
def box(x: Tensor) -> Tensor:
    t = count(10) / 10
    return torch.exp(-t * x[0]) - torch.exp(-t * x[1]) - x[2] * (torch.exp(-t) - torch.exp(-10 * t))


@squares("MGH 13", [3.0, -1.0, 0.0, 1.0], 0.0)
def powell_singular(x: Tensor) -> Tensor:
    a, b, c, d = x
    return torch.stack((a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2))


@squares("MGH 14", [-3.0, -1.0, -3.0, -1.0], 0.0)
def wood(x: Tensor) -> Tensor:
    a, b, c, d = x
    rest = (1 - c, 10**0.5 * (b + d - 2), (b - d) / 10**0.5)
    return torch.stack((10 * (b - a**2), 1 - a, 90**0.5 * (d - c**2), *rest))


@squares("MGH 15", [0.25, 0.39, 0.415, 0.39], 3.0750560385e-4)
def kowalik_osborne(x: Tensor) -> Tensor:
    y = numbers(".1957 .1947 .1735 .1600 .0844 .0627 .0456 .0342 .0323 .0235 .0246")
    u = numbers("4 2 1 .5 .25 .167 .125 .1 .0833 .0714 .0625")
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


@squares("MGH 16, m = 20", [25.0, 5.0, -5.0, -1.0], 85822.201626)
def brown_dennis(x: Tensor) -> Tensor:
    t = count(20) / 5
    return (x[0] + t * x[1] - torch.exp(t)) ** 2 + (x[2] + x[3] * torch.sin(t) - torch.cos(t)) ** 2


@squares("MGH 17", [0.5, 1.5, -1.0, 0.01, 0.02], 5.4648946975e-5)
def osborne_exponentials(x: Tensor) -> Tensor:
    y = numbers(
        ".844 .908 .932 .936 .925 .908 .881 .850 .818 .784 .751 .718 .685 .658 .628 .603 .580 .558 .538 .522 .506 .490"
        " .478 .467 .457 .448 .438 .431 .424 .420 .414 .411 .406"
    )
    t = 10 * (count(33) - 1)
    return y - (x[0] + x[1] * torch.exp(-t * x[3]) + x[2] * torch.exp(-t * x[4]))


@squares("MGH 18, m = 13", [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], 5.6556499255e-3)
def biggs(x: Tensor) -> Tensor:
    t = count(13) / 10
    y = torch.exp(-t) - 5 * torch.exp(-10 * t) + 3 * torch.exp(-4 * t)
    return x[2] * torch.exp(-t * x[0]) - x[3] * torch.exp(-t * x[1]) + x[5] * torch.exp(-t * x[4]) - y


@squares("MGH 19", [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5], 4.0137736293e-2)
def osborne_gaussians(x: Tensor) -> Tensor:
    y = numbers(
        "1.366 1.191 1.112 1.013 .991 .885 .831 .847 .786 .725 .746 .679 .608 .655 .616 .606 .602 .626 .651 .724 .649"
        " .649 .694 .644 .624 .661 .612 .558 .533 .495 .500 .423 .395 .375 .372 .391 .396 .405 .428 .429 .523 .562"
        " .607 .653 .672 .708 .633 .668 .645 .632 .591 .559 .597 .625 .739 .710 .729 .720 .636 .581 .428 .292 .162"
        " .098 .054"
    )
    t = (count(65) - 1) / 10
    bells = [x[k] * torch.exp(-x[k + 4] * (t - x[k + 7]) ** 2) for k in (1, 2, 3)]
    return y - (x[0] * torch.exp(-x[4] * t) + sum(bells))


def watson(x: Tensor) -> Tensor:
    t = count(29)[:, None] / 29
    j = count(x.numel())
    slope = ((j[1:] - 1) * x[1:] * t ** (j[1:] - 2)).sum(1)
    rest = torch.stack((x[0], x[1] - x[0] ** 2 - 1))
    return torch.cat((slope - (x * t ** (j - 1)).sum(1) ** 2 - 1, rest))


@squares("MGH 20, n = 6", [0.0] * 6, 2.2876700536e-3)
def watson_6(x: Tensor) -> Tensor:
    return watson(x)


@squares("MGH 20, n = 9", [0.0] * 9, 1.3997601383e-6)
def watson_9(x: Tensor) -> Tensor:
    return watson(x)


@squares("MGH 20, n = 12", [0.0] * 12, 4.7223811e-10)
def watson_12(x: Tensor) -> Tensor:
    return watson(x)


@function("Himmelblau 1972, Applied Nonlinear Programming, equation 5.9", [0.0, 0.0], 0.0)
def himmelblau(x: Tensor) -> Tensor:
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
