"""A Gaussian process: its scales from the likelihood of the data, with error bars from the inverse Hessian."""

import math

import torch

from thalweg.optimizers.closure import minimize

torch.manual_seed(0)
x = 10 * torch.rand(60, dtype=torch.float64)
y = torch.sin(1.5 * x) + 0.1 * torch.randn_like(x)
grid = torch.linspace(0.5, 9.5, 50, dtype=torch.float64)


def kernel(p, a, b):
    return (2 * p["height"]).exp() * torch.exp(-0.5 * ((a[:, None] - b) / p["length"].exp()) ** 2)


def factor(p):
    noise = (2 * p["noise"]).exp() + 1e-10
    return torch.linalg.cholesky(kernel(p, x, x) + noise * torch.eye(len(x), dtype=x.dtype))


def negative_log_likelihood(p):
    lower = factor(p)
    whitened = torch.linalg.solve_triangular(lower, y[:, None], upper=False)
    return 0.5 * whitened.square().sum() + lower.diagonal().log().sum() + 0.5 * len(x) * math.log(2 * math.pi)


# Logarithms keep the scales above zero, and make their sizes alike.
start = {name: torch.tensor(0.0, dtype=torch.float64) for name in ("height", "length", "noise")}
found = minimize(negative_log_likelihood, start, hess_inv=True)
print(found.message)
for (name, value), variance in zip(found.x.items(), found.hess_inv.diagonal(), strict=True):
    print(f"{name:7} {value.exp():.3f}, within a factor of {variance.sqrt().exp():.2f}")

lower = factor(found.x)
mean = kernel(found.x, grid, x) @ torch.cholesky_solve(y[:, None], lower)
error = (mean[:, 0] - torch.sin(1.5 * grid)).abs().max()
print(f"{found.nfev} evaluations, largest error of the prediction {error:.3f}")
