"""Fit a decaying oscillation with error bars; then 1,000 data sets at once, to see whether the error bars are true."""

import torch

from thalweg.optimizers.closure import curve_fit

torch.manual_seed(0)
t = torch.linspace(0, 4, 120, dtype=torch.float64)
truth = torch.tensor([2.0, 0.7, 5.0, 0.4], dtype=torch.float64)
names = ("height", "decay", "frequency", "phase")
start = (1.0, 0.3, 4.5, 0.0)


def model(t, height, decay, frequency, phase):
    return height * torch.exp(-decay * t) * torch.cos(frequency * t + phase)


data = model(t, *truth) + 0.05 * torch.randn(1000, 120, dtype=torch.float64)

# One data set. Without bounds a negative height and half a turn of phase would be the same curve.
box = (0.0, [9.0, 9.0, 9.0, 3.0])
popt, pcov = curve_fit(model, t, data[0], start, bounds=box)
for name, value, error, true in zip(names, popt, pcov.diagonal().sqrt(), truth, strict=True):
    print(f"{name:10} {value:8.4f} +- {error:.4f}   true {true:.1f}")

# A wrong point counts for little where the loss is robust.
spoiled = data[0].clone()
spoiled[10] += 5
for loss in ("linear", "cauchy"):
    (height, *_), _ = curve_fit(model, t, spoiled, start, bounds=box, loss=loss, f_scale=0.1)
    print(f"height with a wrong point, {loss:6} loss: {height:.4f}")

# All data sets in one call: two thirds should lie within one error bar of the truth.
popt, pcov = curve_fit(model, t, data, start, bounds=box, batched=True)
errors = pcov.diagonal(dim1=1, dim2=2).sqrt()
within = ((popt - truth).abs() < errors).double().mean()
print(f"within one error bar: {within:.1%} of {popt.numel()} numbers")
