"""The search of each row along its own line: a bracket, and the next trial in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

DELTA, SIGMA, EPSILON = 1e-4, 0.9, 1e-12
"""Wolfe's constants, and the share of the value that counts as rounding (Hager & Zhang 2005, equation 4.1)."""

MOST_TRIALS = 30


class Searching(Protocol):
    """Rows with a search each: where it starts, and the bracket that it has so far."""

    value: Tensor
    slope: Tensor
    alpha: Tensor
    low: Tensor
    high: Tensor
    trials: Tensor


def evaluate(fun: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return value and gradient of every row; one backward pass, since no row sees another."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = fun(x)
        if value.shape != x.shape[:1]:
            raise ValueError(
                f"minimize(batched=True) needs fun to return one number per row, shape {tuple(x.shape[:1])}, but got "
                f"{tuple(value.shape)}"
            )
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient


def narrow(rows: Searching, rejected: Tensor, short: Tensor, value: Tensor) -> None:
    """Raise the lower end where the step was too short, lower the upper end where it was too long; choose between."""
    rows.trials += rejected
    rows.low = torch.where(rejected & short, rows.alpha, rows.low)
    rows.high = torch.where(rejected & ~short, rows.alpha, rows.high)
    bend = 2 * (value - rows.value - rows.slope * rows.alpha)
    parabola = (-rows.slope * rows.alpha.square() / bend).nan_to_num(0.0)
    width = rows.high - rows.low
    inner = torch.where(rows.low == 0, parabola, rows.low + 0.5 * width)
    inner = torch.minimum(torch.maximum(inner, rows.low + 0.1 * width), rows.low + 0.5 * width)
    chosen = torch.where(rows.high.isfinite(), inner, 4 * rows.alpha)
    rows.alpha = torch.where(rejected, chosen, rows.alpha)
