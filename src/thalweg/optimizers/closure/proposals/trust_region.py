"""A quadratic model trusted within a radius: the next point is the model's lowest there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..directions import krylov
from ..directions.preconditioner import Preconditioner
from ..directions.steepest import first_trial
from ..function.bounds import Box
from ..function.objective import Objective, Point
from ..function.vector import dot, machine_epsilon, read_numbers


class TrustRegion:
    """Newton's model, minimized by conjugate gradients up to the radius; the radius follows the model's success.

    Nocedal & Wright 2006, "Numerical Optimization", algorithm 4.1, with algorithm 7.2 for the model. A rejected step
    cuts the same path at a smaller radius, so it costs one evaluation and no product of the Hessian. What products and
    steps have told of the Hessian preconditions the next model: on CUTEst that saves a fifth of the evaluations.
    """

    measured = True

    def __init__(self, accept: float = 1e-4, forcing: float = 0.5) -> None:
        self.accept = accept
        self.forcing = forcing
        self.lr = 1.0
        self.scale: Tensor | None = None
        self.box: Box | None = None
        self.radius = math.nan
        self.first_steepness = math.nan
        self.preconditioner = Preconditioner()

    @property
    def fresh(self) -> bool:
        """Whether no radius is known."""
        return math.isnan(self.radius)

    def forget(self) -> None:
        """Guess the radius anew, and drop what is known of the Hessian."""
        self.radius = math.nan
        self.preconditioner.forget()

    def displaced(self) -> None:
        """Keep the radius, and what is known of the Hessian."""

    def promise(self, objective: Objective, here: Point, least: float) -> float:
        """Return zero: the slopes tell everything."""
        return 0.0

    def unseen(self, objective: Objective, here: Point) -> Tensor | None:
        """Return None: there is no model of residuals."""
        return None

    def sees_nothing(self, objective: Objective, here: Point) -> bool:
        """Return False: nothing but slopes is known."""
        return False

    def state(self) -> dict[str, Any]:
        """Return the radius, the first gradient for the forcing term, and what is known of the Hessian."""
        numbers = {"radius": self.radius, "first_steepness": self.first_steepness}
        return {**numbers, "pairs": self.preconditioner.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.radius, self.first_steepness = state["radius"], state["first_steepness"]
        self.preconditioner.restore(state.get("pairs", {"learned": 0}))

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the first trial that falls as promised, None where the ground is flat or the radius is used up."""
        if here.steepness == 0:
            return None
        path = self._path(objective, here)
        while True:
            step, product, cut = path.within(self.radius)
            length, slope, bend = read_numbers(
                torch.linalg.vector_norm(step, dtype=torch.float64), dot(here.gradient, step), dot(step, product)
            )
            promised = -(slope + 0.5 * bend)
            if not promised > 0 or length <= machine_epsilon(step.dtype) * self._size(here):
                return None
            there = objective.at(here.x + (step if self.scale is None else step * self.scale))
            ratio = agreement(here, there, promised)
            self._resize(ratio, length, cut)
            if ratio > self.accept:
                self.preconditioner.learn(step, there.gradient - here.gradient)
                return there

    def _path(self, objective: Objective, here: Point) -> krylov.Path:
        if self.fresh:
            squared = read_numbers(dot(here.gradient, here.gradient))[0]
            self.radius = 10 * first_trial(here, -squared) * math.sqrt(squared)
            self.first_steepness = here.steepness
        tolerance = min(self.forcing, math.sqrt(here.steepness / self.first_steepness))
        limits, known = (tolerance, 2 * here.x.numel(), self.radius), self.preconditioner.operator_at(here.gradient)
        path = krylov.solve(lambda v: objective.hessian_times(here, v), here.gradient, *limits, known)
        self.preconditioner.learn_path(path)
        return path

    def _resize(self, ratio: float, length: float, cut: bool) -> None:
        """Shrink where the model promised too much, grow where it was right up to the border."""
        if not ratio >= 0.25:
            self.radius = 0.25 * length
        elif ratio > 0.75 and cut:
            self.radius = max(self.radius, (4 if ratio > 0.9 else 2) * length)

    def _size(self, here: Point) -> float:
        return read_numbers(torch.linalg.vector_norm(here.measured))[0]


def agreement(here: Point, there: Point, promised: float) -> float:
    """Return the share of the promised decrease that was met; one where both are lost in rounding.

    Conn, Gould & Toint 2000, "Trust-Region Methods", section 17.4.2; minus infinity for a non-finite trial.
    """
    if not there.finite:
        return -math.inf
    rounding = 10 * machine_epsilon(here.x.dtype) * abs(here.value)
    return (here.value - there.value + rounding) / (promised + rounding)
