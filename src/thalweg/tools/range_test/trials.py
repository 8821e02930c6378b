"""How rates are tried: all of them on one batch, rising; then a few at length, each falling to zero.

A ramp on a single batch tells, without the noise of batches, at which rate the loss falls most steeply: that is the
rate to begin with. Which one is best shows later in training: so a copy is trained a little, and from there on two
rates are tried by trainings of their own, whose losses afterwards are compared on the same batches. Two losses and a
bend that is much the same in all trainings make a parabola, and its lowest point is what is looked for.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, inf, log2, pi
from typing import Any

import numpy as np
import torch

from ...distributed.replicas import mean_over_processes
from .twin import Loss, Twin

RAMP, WARM, TRIALS, LENGTH, HELD = 16, 4, 2, 37, 32
"""The steps of the ramp and of training before trials; trials, the steps of each, and batches to compare them on.

Trials are as long as a hundred steps allow, as short ones favour rates that are best early in a training.
"""

MOST = RAMP + 2 * WARM + TRIALS * LENGTH
"""The steps of a search at most, if training broke down once before the trials."""

DRAWN = WARM + LENGTH + HELD
"""How many batches are needed."""

BROKEN = 4.0
"""A loss this many times the first one has broken down: fastai's and Lightning's rule too."""

LEAST_DROP = 0.01
"""A loss that falls by a smaller share does not fall."""

LONGER = 0.8
"""What is proposed over the lowest point, which is often too high for a training of more steps."""

HIGHER, LOWER = 2.0, 1 / 4
"""From the first trial's rate to the second, and to a lower one where the first, or training before it, goes wrong."""

BEND, FARTHEST = 0.05, 1.0
"""How the loss after trials bends over the rate: a share of what the best one has gained, times the square of how many
factors of 2 the rate lies from the lowest point; and how many of these that point may lie from the best trial.

With twice the bend, or without bound, fewer searches came within a factor of 2 (docs/groups-and-rate.md).
"""


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


def next_rate(start: float, before: float, tried: dict[float, float], within: tuple[float, float]) -> float:
    """Choose the next rate: a higher one, or a lower one where the last has not lowered the loss."""
    if not tried:
        return start
    last, loss = list(tried.items())[-1]
    up, down = min(last * HIGHER, within[1]), max(last * LOWER, within[0])
    return up if loss < before and up > last else down


def best_rate(before: float, tried: dict[float, float]) -> float | None:
    """Give the lowest point of the parabola through two rates, whose bend is known; None if none lowers the loss."""
    losses = {rate: min(loss, before + abs(before)) for rate, loss in tried.items()}
    best = min(losses, key=lambda rate: losses[rate])
    gain = before - losses[best]
    if not gain > 0:
        return None
    apart = [(log2(rate / best), (loss - losses[best]) / gain) for rate, loss in losses.items() if rate != best]
    shift = sum(far - rise / (BEND * far) for far, rise in apart) / 2
    return float(best * 2.0 ** min(max(shift, -FARTHEST), FARTHEST))


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
        rate, own = next_rate(start, before, tried, within), copy.deepcopy(warm)
        if rate in tried:
            break
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
        rate *= LOWER
    return None, rate
