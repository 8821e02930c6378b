"""How rates are tried: all of them on one batch, rising; then a few at length, each falling to zero.

A ramp on a single batch tells, without the noise of batches, from which rate on the loss falls at all, and from which
one it breaks down. Which rate is best shows later in training: so a copy is trained a little, and from there on a few
rates are tried by short trainings of their own, whose losses afterwards are compared on the same batches.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, inf, pi
from typing import Any

import numpy as np
import torch

from .twin import Loss, Twin

RAMP, WARM, TRIALS, LENGTH, HELD = 28, 20, 4, 12, 32
"""The steps of the ramp and of training before trials; trials, the steps of each, and batches to compare them on."""

DRAWN = WARM + LENGTH + HELD
"""How many batches are needed."""

BROKEN = 4.0
"""A loss this many times the first one has broken down: fastai's and Lightning's rule too."""

LEAST_DROP = 0.01
"""A loss that falls by a smaller share does not fall."""

STRIDE, NEARLY = 4.0, 0.9
"""From one trial's rate to the next, and the share of the best trial's fall that is as good as all of it:
benchmarks/find_lr_tasks.py has the tasks that they were chosen on."""


@dataclass
class Curve:
    """Rates that were tried, and the loss at each."""

    rates: list[float]
    losses: list[float]

    def halfway(self) -> float | None:
        """Give the rate at which the loss has fallen by half of all that it falls; None if it does not."""
        first, fall = self.losses[0], self.losses[0] - min(self.losses)
        if not fall > LEAST_DROP * abs(first):
            return None
        return next(rate for rate, loss in zip(self.rates, self.losses, strict=True) if first - loss >= fall / 2)


def ramp(twin: Twin, loss: Loss, batch: Any, rates: Sequence[float], unit: float) -> Curve:
    """Raise the rate from step to step on one batch, until the loss breaks down; losses are those before steps."""
    losses: list[float] = []
    for value in twin.steps(loss, [batch] * len(rates), [rate / unit for rate in rates]):
        losses.append(value)
        if not value <= BROKEN * abs(losses[0]):
            break
    return Curve(list(rates[: len(losses)]), losses)


def trained(twin: Twin, loss: Loss, batches: Sequence[Any], factor: float, falling: bool = False) -> bool:
    """Train for a while; tell if all went well."""
    count = len(batches)
    factors = [factor * (0.5 * (1 + cos(pi * step / count)) if falling else 1.0) for step in range(count)]
    losses = list(twin.steps(loss, batches, factors))
    return len(losses) == count and losses[-1] <= BROKEN * abs(losses[0])


@torch.no_grad()
def held_out(twin: Twin, loss: Loss, batches: Sequence[Any]) -> float:
    """Give the mean loss of batches; infinite if it is no number."""
    values = [float(loss(twin.model, batch)) for batch in batches]
    mean = float(np.mean(values))
    return mean if np.isfinite(mean) else inf


def climb(start: float, tried: dict[float, float]) -> float:
    """Choose the next rate: on from the best one while it is at an end, else into the wider gap beside it."""
    if not tried:
        return start
    rates = sorted(tried)
    best = rates.index(min(rates, key=lambda rate: tried[rate]))
    if len(rates) == 1 or best == len(rates) - 1:
        return rates[best] * STRIDE
    if best == 0:
        return rates[0] / STRIDE
    beside = min(rates[best - 1], rates[best + 1], key=lambda rate: tried[rate])
    return float(np.sqrt(rates[best] * beside))


def plateau(first: float, tried: dict[float, float]) -> float | None:
    """Give the middle of the rates that are nearly as good as the best one; None if none lowers the loss."""
    rates = np.log(sorted(tried))
    losses = np.minimum([tried[rate] for rate in sorted(tried)], first + abs(first))
    best = int(losses.argmin())
    if not losses[best] < first:
        return None
    limit = first - NEARLY * (first - losses[best])
    low = _edge(rates[best::-1], losses[best::-1], limit)
    high = _edge(rates[best:], losses[best:], limit)
    return float(np.exp((low + high) / 2))


def _edge(rates: Any, losses: Any, limit: float) -> float:
    """Go along until the loss passes a limit."""
    for place in range(1, len(rates)):
        if losses[place] > limit:
            share = (limit - losses[place - 1]) / (losses[place] - losses[place - 1])
            return float(rates[place - 1] + share * (rates[place] - rates[place - 1]))
    return float(rates[-1])


def try_rates(
    twin: Twin, loss: Loss, batches: Sequence[Any], start: float, unit: float
) -> tuple[float, dict[float, float]]:
    """Train a little, then try a few rates from there; give the loss before, and that after each."""
    if not trained(twin, loss, batches[:WARM], start / unit):
        return inf, {}
    before, warm = held_out(twin, loss, batches[-HELD:]), copy.deepcopy(twin)
    tried: dict[float, float] = {}
    for _ in range(TRIALS):
        rate, own = climb(start, tried), copy.deepcopy(warm)
        went_well = trained(own, loss, batches[WARM : WARM + LENGTH], rate / unit, falling=True)
        tried[rate] = held_out(own, loss, batches[-HELD:]) if went_well else inf
        twin.taken += own.taken - warm.taken
    return before, tried
