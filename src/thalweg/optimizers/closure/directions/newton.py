"""Truncated Newton: Newton's direction, as nearly as a few products with the Hessian find it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..function.objective import Point
from ..function.vector import machine_epsilon
from . import krylov
from .steepest import first_trial
from .step import Step


class TruncatedNewton:
    """Conjugate gradients on H p = -g, ended by the forcing term or by negative curvature.

    Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.1; the forcing term is min(forcing, sqrt(|g| / |g0|)),
    and at least the root of the rounding: finer residuals are rounding themselves.
    """

    def __init__(self, forcing: float = 0.5) -> None:
        self.forcing = forcing
        self.first_steepness = math.nan
        self.newton = False
        self.bends_up = False

    @property
    def fresh(self) -> bool:
        """Whether the next direction would be the steepest: never known before."""
        return not self.newton

    def forget(self) -> None:
        """Go along the steepest descent once."""
        self.newton = False

    def displaced(self) -> None:
        """Keep on: nothing is remembered of a point."""

    def state(self) -> dict[str, Any]:
        """Return the two numbers that the forcing term needs."""
        return {"newton": self.newton, "first_steepness": self.first_steepness}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.newton, self.first_steepness = state["newton"], state["first_steepness"]

    def learn(self, step: Step) -> None:
        """Trust the Hessian again."""
        self.newton = True

    def first_trial(self, here: Point, slope: float) -> float:
        """Return 1, the Newton step; a step of guessed length at first, and where nothing bends upwards."""
        return 1.0 if self.newton and self.bends_up else first_trial(here, slope)

    def __call__(self, here: Point, hessian: krylov.Operator) -> Tensor:
        """Return the direction, the steepest until a first step has shown the scale."""
        if not self.newton:
            self.first_steepness = here.steepness
            return -here.gradient
        if here.steepness == 0:
            return -here.gradient
        least = machine_epsilon(here.gradient.dtype) ** 0.5
        tolerance = max(least, min(self.forcing, math.sqrt(here.steepness / self.first_steepness)))
        path = krylov.solve(hessian, here.gradient, tolerance, 2 * here.x.numel())
        self.bends_up = path.stages[0].bend > 0
        return path.before_negative_curvature()
