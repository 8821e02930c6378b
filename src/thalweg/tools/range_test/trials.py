"""How rates are tried: all of them on one batch, rising; then a few at length, each falling to zero.

A ramp on a single batch tells, without the noise of batches, at which rate the loss falls most steeply: that is the
rate to begin with. Which one is best shows later in training: so a copy is trained a little, and from there on a few
rates are tried by trainings of their own, whose losses afterwards are compared on the same batches. A parabola through
the lowest loss and its neighbors says between which rates the best one lies.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, inf, pi, sqrt
from typing import Any

import numpy as np
import torch

from ...distributed.replicas import mean_over_processes
from .twin import Loss, Twin

RAMP, WARM, TRIALS, LENGTH, HELD = 16, 4, 3, 25, 32
"""The steps of the ramp and of training before trials; trials, the steps of each, and batches to compare them on.

Trials are as long as a hundred steps allow, and as few as find a lowest point: short ones favour rates that are best
early in a training. Three of 25 steps were nearer than four of 17 on the tasks that numbers were chosen on.
"""

MOST = RAMP + WARM + TRIALS * LENGTH
"""The steps of a search at most."""

DRAWN = WARM + LENGTH + HELD
"""How many batches are needed."""

BROKEN = 4.0
"""A loss this many times the first one has broken down: fastai's and Lightning's rule too."""

LEAST_DROP = 0.01
"""A loss that falls by a smaller share does not fall."""

LONGER = 0.8
"""What is proposed beside the best rate of trials, which is often too high for a training of more steps.

Of 49 searches on the tasks that numbers were chosen on, 33 came within a factor of 2 that way, and 28 without.
"""

STRIDE = 4.0
"""From one trial's rate to the next: benchmarks/tasks/find_lr.py has the tasks that it was chosen on."""


@dataclass
class Curve:
    """Rates that were tried, and the loss at each."""

    rates: list[float]
    losses: list[float]

    def steepest(self) -> float | None:
        """Give the rate at which the loss falls most steeply, before it is lowest; None if it does not fall."""
        lowest = int(np.argmin(self.losses))
        if not self.losses[0] - self.losses[lowest] > LEAST_DROP * abs(self.losses[0]):
            return None
        slopes = np.gradient(self.losses[: lowest + 1], np.log(self.rates[: lowest + 1]))
        return self.rates[int(slopes[:-1].argmin())]


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
    mean = mean_over_processes(twin.model, float(np.mean(values)))
    return mean if np.isfinite(mean) else inf


def climb(start: float, tried: dict[float, float], within: tuple[float, float]) -> float:
    """Choose the next rate: up from the best one, or down from it if what is above it was tried; else halfway."""
    if not tried:
        return start
    best = min(tried, key=lambda rate: tried[rate])
    up, down = min(best * STRIDE, within[1]), max(best / STRIDE, within[0])
    untried = [rate for rate in ((up, down) if best == max(tried) else (down, up)) if rate not in tried]
    return untried[0] if untried else sqrt(best * (up if down == best else down))


def best_rate(first: float, tried: dict[float, float]) -> float | None:
    """Give the lowest point of the parabola through the best rate and its neighbors; None if none lowers the loss."""
    rates = sorted(tried)
    losses = np.minimum([tried[rate] for rate in rates], first + abs(first))
    best = int(losses.argmin())
    if not losses[best] < first:
        return None
    if best in (0, len(rates) - 1):
        return rates[best]
    left, right = np.log(rates[best - 1] / rates[best]), np.log(rates[best + 1] / rates[best])
    slopes = (losses[best] - losses[best - 1]) / -left, (losses[best + 1] - losses[best]) / right
    bend = slopes[1] - slopes[0]
    return float(rates[best] * np.exp(0.5 * (left - (right - left) * slopes[0] / bend))) if bend > 0 else rates[best]


def try_rates(
    twin: Twin,
    loss: Loss,
    batches: Sequence[Any],
    start: float,
    unit: float,
    within: tuple[float, float],
    most: int,
) -> tuple[float, dict[float, float]]:
    """Train a little, then try a few rates from there, in so many steps; give the loss before, and that after each."""
    warm, start = warmed_up(twin, loss, batches[:WARM], start, unit, most)
    if warm is None:
        return inf, {}
    before, tried = held_out(warm, loss, batches[-HELD:]), dict[float, float]()
    while len(tried) < TRIALS and twin.taken + LENGTH <= most:
        rate, own = climb(start, tried, within), copy.deepcopy(warm)
        went_well = trained(own, loss, batches[WARM : WARM + LENGTH], rate / unit, falling=True)
        tried[rate] = held_out(own, loss, batches[-HELD:]) if went_well else inf
        twin.taken += own.taken - warm.taken
    return before, tried


def warmed_up(
    twin: Twin, loss: Loss, batches: Sequence[Any], rate: float, unit: float, most: int
) -> tuple[Twin | None, float]:
    """Train a copy a little, at a lower rate where that breaks it; give it and the rate, None where steps run out."""
    while twin.taken + len(batches) + LENGTH <= most:
        warm = copy.deepcopy(twin)
        went_well = trained(warm, loss, batches, rate / unit)
        twin.taken = warm.taken
        if went_well:
            return warm, rate
        rate /= STRIDE
    return None, rate
