"""Fit a decaying oscillation to noisy data by Levenberg and Marquardt's method."""

import torch

from thalweg.optimizers.closure import least_squares

torch.manual_seed(0)
t = torch.linspace(0, 4, 120, dtype=torch.float64)
truth = {"height": 2.0, "decay": 0.7, "frequency": 5.0, "phase": 0.4}


def model(p):
    return p["height"] * torch.exp(-p["decay"] * t) * torch.cos(p["frequency"] * t + p["phase"])


data = model({name: torch.tensor(value) for name, value in truth.items()}) + 0.05 * torch.randn_like(t)
start = {"height": 1.0, "decay": 0.3, "frequency": 4.5, "phase": 0.0}

fit = least_squares(lambda p: model(p) - data, start)
print(fit.message)
for name, value in fit.x.items():
    print(f"{name:10} {value:8.4f}   true {truth[name]}")
print(f"{fit.nfev} evaluations of the residuals, {fit.njev} Jacobians")
