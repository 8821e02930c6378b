"""Problems of the kind that scientists bring: fits, fields, networks, a wall."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from problems.problem import count, function, squares


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


FEATURES = noise(200, 20, seed=1) * count(20)
LABELS = torch.sign(FEATURES @ noise(20, seed=2) / 20 + noise(200, seed=3))


@function("Logistic regression with a ridge, 200 x 20, columns of scale 1 to 20", [0.0] * 20, 0.147194170276)
def logistic_regression(x: Tensor) -> Tensor:
    return softplus(-LABELS * (FEATURES @ x)).mean() + 1e-3 * x.square().sum()


CENTRING = torch.nn.functional.normalize(noise(100, 20, seed=4), dim=1)


@function("Analytic centre, Boyd & Vandenberghe 2004, section 8.5.3: 100 planes, n = 20", [0.0] * 20, -2.49557740863)
def analytic_centre(x: Tensor) -> Tensor:
    return -torch.log(1 - CENTRING @ x).sum() - torch.log(1 - x**2).sum()


@function("Minimal surface, Dolan & Moré 2002, COPS: 32 x 32, n = 1,024", [0.0] * 1024, 1.89231653893)
def minimal_surface(x: Tensor) -> Tensor:
    t = torch.linspace(0, 1, 34, dtype=torch.float64)
    edge = torch.zeros(34, 34, dtype=torch.float64)
    edge[0] = edge[-1] = 1 - (2 * t - 1) ** 2
    z = pad(x.view(32, 32), (1, 1, 1, 1)) + edge
    h = t[1]
    down, right = (z[1:, :-1] - z[:-1, :-1]) / h, (z[:-1, 1:] - z[:-1, :-1]) / h
    up, left = (z[1:, 1:] - z[:-1, 1:]) / h, (z[1:, 1:] - z[1:, :-1]) / h
    lower, upper = torch.sqrt(1 + down**2 + right**2), torch.sqrt(1 + up**2 + left**2)
    return h * h / 2 * (lower + upper).sum()


@squares("Hilbert's matrix as least squares, n = 10, b = A 1", [0.0] * 10, 0.0)
def hilbert(x: Tensor) -> Tensor:
    i = count(10)
    return (x - 1) @ (1 / (i[:, None] + i - 1))


@squares("Two decaying exponentials, 40 points, n = 4", [1.0, 1.0, 0.5, 0.1], 0.0)
def two_exponentials(x: Tensor) -> Tensor:
    t = torch.linspace(0, 5, 40, dtype=torch.float64)
    truth = 2 * torch.exp(-1.5 * t) + torch.exp(-0.3 * t)
    return x[0] * torch.exp(-x[1] * t) + x[2] * torch.exp(-x[3] * t) - truth


@squares(
    "A network of one hidden layer fits a sine: 1-10-1, 50 points, n = 31", 0.5 * noise(31, seed=5), 0.0, hard=True
)
def network_fit(x: Tensor) -> Tensor:
    t = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
    hidden = torch.tanh(t * x[:10] + x[10:20])
    return (hidden @ x[20:30] + x[30] - torch.sin(3 * t[:, 0])) / 50**0.5
