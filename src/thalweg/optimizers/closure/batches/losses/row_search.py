"""The search of each row along its own line: a bracket, and the next trial in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor

from ...function.units import SAFE
from .row_losses import Differentiable

DELTA, SIGMA, EPSILON = 1e-4, 0.9, 1e-12
"""Wolfe's constants, and the share of the value that counts as rounding (Hager & Zhang 2005, equation 4.1)."""

MOST_TRIALS = 30

LONGER, MUCH_LONGER = 4.0, 1e4
"""How many times as long the next trial is where the last one was too short, and after half of the trials."""

MOST_RENEWALS = 2
"""How often a row starts anew, by steepest descent, where it finds nothing lower."""

CREEP = 1e-6
"""The share of the loss by which a step must lower it, to count as more than creeping."""


@dataclass(slots=True)
class Searching:
    """The rows still at work, b of them: where each is, its direction, and the bracket that its search has so far.

    `highest` is the loss at the start, `first_size` the largest number there, infinite where all are zero; `step` is
    the last step, `turn` how it has changed the gradient, `fall` what it has won; `renewals` counts how often the
    memory was dropped, the last time after `moved` iterations.
    Each row measures its loss in a power of two, `unit`, so that its size decides nothing.

    Fields have b rows each; those of `memory` hold what has been learned, which no answer needs.
    """

    memory: ClassVar[tuple[str, ...]] = ()

    index: Tensor
    x: Tensor
    value: Tensor
    highest: Tensor
    first_size: Tensor
    step: Tensor
    turn: Tensor
    fall: Tensor
    gradient: Tensor
    unit: Tensor
    iterations: Tensor
    direction: Tensor
    slope: Tensor
    alpha: Tensor
    low: Tensor
    high: Tensor
    trials: Tensor
    moved: Tensor
    renewals: Tensor

    def at(self, losses: Differentiable, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and gradient of every row at its trial, in its unit."""
        value, gradient = losses.differentiated(x, self.index)
        return value / self.unit, gradient / self.unit[:, None]

    def inside(self, x: Tensor) -> Tensor:
        """Return the nearest points at which a row may be evaluated: here, all are."""
        return x

    def kept(self, rows: Tensor) -> Self:
        """Return some of the rows."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def settled(self, answers: Self, active: Tensor) -> Self:
        """Write what the rows have reached into the answers; drop the idle ones where they are a quarter."""
        share = float(active.double().mean()) if len(active) else 1.0
        if 0.75 < share < 1:
            self.alpha[~active] = 0.0
            return self
        for field in fields(self):
            if field.name not in ("index", *self.memory):
                getattr(answers, field.name)[self.index] = getattr(self, field.name)
        return self if share == 1 else self.kept(active)

    def move(self, accepted: Tensor, x: Tensor, value: Tensor, gradient: Tensor) -> None:
        """Take the accepted rows to their trials."""
        column = accepted[:, None]
        self.step = torch.where(column, x - self.x, self.step)
        self.turn = torch.where(column, gradient - self.gradient, self.turn)
        self.x = torch.where(column, x, self.x)
        self.fall = torch.where(accepted, self.value - value, self.fall)
        self.value = torch.where(accepted, value, self.value)
        self.gradient = torch.where(column, gradient, self.gradient)
        self.iterations += accepted

    def stuck(self) -> Tensor:
        """Return which rows have found nothing lower, and may start anew, since they have moved since they last did."""
        return (self.trials >= MOST_TRIALS) & (self.iterations > self.moved) & (self.renewals < MOST_RENEWALS)

    def renew(self, rows: Tensor) -> None:
        """Count from here: the rows start anew."""
        self.moved = torch.where(rows, self.iterations, self.moved)
        self.renewals += rows
        self.trials = torch.where(rows, 0, self.trials)

    def set_out(self, moved: Tensor, direction: Tensor, slope: Tensor, first: Tensor) -> None:
        """Give the rows that have moved a direction, and a search that has not begun."""
        self.direction = torch.where(moved[:, None], direction, self.direction)
        self.slope = torch.where(moved, slope, self.slope)
        self.alpha = torch.where(moved, first, self.alpha)
        self.low = torch.where(moved, 0.0, self.low)
        self.high = torch.where(moved, torch.inf, self.high)


S = TypeVar("S", bound=Searching)


def searched(rows: S, going: Callable[[S], Tensor], try_step: Callable[[S], None], max_iter: int) -> tuple[S, int]:
    """Try steps until no row is `going`, or has iterations left; return where the rows are then, and the calls made."""
    answers, active, calls = rows.kept(rows.index), going(rows), 0
    while bool(active.any()) and calls < 2 * max_iter - 1:
        rows = rows.settled(answers, active)
        try_step(rows)
        calls += 1
        active = going(rows) & (rows.iterations < max_iter)
    rows.settled(answers, active)
    return answers, calls


def at_start(losses: Differentiable, x: Tensor) -> dict[str, Tensor]:
    """Return the fields of rows that have no direction yet."""
    index = torch.arange(len(x), device=x.device)
    value, gradient = losses.differentiated(x, index)
    unit, size = units_of(gradient), largest(x)
    count = torch.zeros(len(x), dtype=torch.long, device=x.device)
    zeros = {name: torch.zeros_like(value) for name in ("slope", "alpha", "low")}
    return {
        "index": index,
        "x": x,
        "value": value / unit,
        "highest": value / unit,
        "first_size": torch.where(size > 0, size, torch.inf),
        "step": torch.zeros_like(x),
        "turn": torch.zeros_like(x),
        "fall": torch.full_like(value, torch.inf),
        "gradient": gradient / unit[:, None],
        "unit": unit,
        "iterations": count,
        "direction": torch.zeros_like(x),
        **zeros,
        "high": torch.full_like(value, torch.inf),
        "trials": count.clone(),
        "moved": count.clone(),
        "renewals": count.clone(),
    }


def units_of(gradient: Tensor) -> Tensor:
    """Return the power of two in which each row measures its loss: one unless squares could leave the dtype."""
    steep = gradient.abs().amax(1) if gradient.numel() else gradient.new_ones(len(gradient))
    exponent = torch.frexp(steep).exponent
    ordinary = (exponent.abs() <= SAFE.get(gradient.dtype, 0)) | ~steep.isfinite() | (steep == 0)
    return torch.ldexp(torch.ones_like(steep), torch.where(ordinary, 0, exponent))


def are_numbers(x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Return for which rows the numbers, the loss and its slopes are all finite."""
    return x.isfinite().all(1) & value.isfinite() & gradient.isfinite().all(1)


def tried(rows: Searching, accepted: Tensor, value: Tensor) -> Tensor:
    """Return the trials of each row since its loss last fell, where accepted steps to `value` are counted, too.

    A step that creeps counts as one, and one that only looks lower by its slopes as three: in narrow dtypes, and where
    the loss falls to zero, there may be any number of them.
    """
    fall = rows.value - value
    count = torch.where(fall > CREEP * value.abs(), 0, rows.trials + torch.where(fall > 0, 1, 3))
    return torch.where(accepted, count, rows.trials)


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
    longer = rows.alpha * torch.where(rows.trials < MOST_TRIALS // 2, LONGER, MUCH_LONGER)
    chosen = torch.where(rows.high.isfinite(), inner, longer)
    rows.alpha = torch.where(rejected, chosen, rows.alpha)
    rows.trials = torch.where(rejected & is_closed(rows), MOST_TRIALS, rows.trials)


def is_closed(rows: Searching) -> Tensor:
    """Return whether rounding leaves no point between the ends of the bracket."""
    width = (rows.high - rows.low)[:, None] * rows.direction.abs()
    return (width <= torch.finfo(width.dtype).eps * rows.x.abs()).all(1)


def has_shrunk(rows: Searching) -> Tensor:
    """Return for which rows the numbers are lost in the rounding of their first size."""
    lost = torch.finfo(rows.x.dtype).eps * rows.first_size
    return (largest(rows.x) < lost) & rows.first_size.isfinite()


def largest(numbers: Tensor) -> Tensor:
    """Return the largest magnitude of each row, zero where a row has no numbers."""
    return numbers.abs().amax(1) if numbers.numel() else numbers.new_zeros(len(numbers))
