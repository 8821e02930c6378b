"""Least squares: the residuals are linearized, and the linear model is trusted within a radius."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from .bounds import Box
from .directions.damped_least_squares import LinearModel
from .objective import Objective, Point
from .residual_function import ResidualFunction
from .trust_region import agreement
from .vector import read_numbers


class DenseLevenbergMarquardt:
    """Moré's trust region; `scaled` measures each number by the largest norm that its column of J has had.

    Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory", algorithm 7.1. Where the model and the
    loss part, the radius shrinks to the minimizer of the parabola through both values and the slope.
    """

    def __init__(self, scaled: bool = False) -> None:
        self.scaled = scaled
        self.lr = 1.0
        self.scale: Tensor | None = None
        self.box: Box | None = None
        self.radius = math.nan
        self.scaling: Tensor | None = None
        self.jacobians = 0

    @property
    def fresh(self) -> bool:
        """Whether no radius is known."""
        return self.scaling is None

    def forget(self) -> None:
        """Guess scaling and radius anew."""
        self.scaling, self.radius = None, math.nan

    def displaced(self) -> None:
        """Keep the radius."""

    def state(self) -> dict[str, Any]:
        """Return radius and scaling."""
        return {"radius": self.radius, "scaling": self.scaling, "jacobians": self.jacobians}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.radius, self.scaling, self.jacobians = state["radius"], state["scaling"], state["jacobians"]

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the first trial that falls as promised, None where the radius has shrunk away."""
        model, scaling = self._model(objective, here)
        size = read_numbers(torch.linalg.vector_norm(scaling * here.x))[0]
        while True:
            step, length, promised = model.step(self.radius)
            if not promised > 0 or length <= torch.finfo(step.dtype).eps * size:
                return None
            there = objective.at(here.x + (step if self.scale is None else step * self.scale))
            ratio = agreement(here, there, promised)
            self._resize(ratio, length, here, there, step)
            if ratio > 1e-4:
                return there

    def _model(self, objective: Objective, here: Point) -> tuple[LinearModel, Tensor]:
        """Linearize at `here`."""
        if objective.last is not here.x:
            objective.at(here.x)
        function = cast(ResidualFunction, objective.function)
        jacobian = function.jacobian()
        self.jacobians += 1
        self.scaling = self._rescaled(jacobian)
        if math.isnan(self.radius):
            self.radius = read_numbers(torch.linalg.vector_norm(self.scaling * here.x))[0] or 1.0
        return LinearModel(jacobian, function.residuals, self.scaling), self.scaling

    def _rescaled(self, jacobian: Tensor) -> Tensor:
        """Return the unit of each number: one, or its column's largest norm so far."""
        norms = torch.linalg.vector_norm(jacobian, dim=0)
        if not self.scaled:
            return torch.ones_like(norms)
        if self.scaling is None:
            return torch.where(norms > 0, norms, torch.ones_like(norms))
        return torch.maximum(self.scaling, norms)

    def _resize(self, ratio: float, length: float, here: Point, there: Point, step: Tensor) -> None:
        if not ratio > 0.25:
            self.radius = shrinkage(here, there, step) * min(self.radius, 10 * length)
        elif ratio > 0.75:
            self.radius = max(self.radius, 2 * length)


def shrinkage(here: Point, there: Point, step: Tensor) -> float:
    """Return the minimizer, in [0.1, 0.5], of the parabola through both values and the slope along the step."""
    if not there.finite:
        return 0.1
    slope = read_numbers(torch.dot(here.gradient, step))[0]
    curvature = there.value - here.value - slope
    return min(max(-0.5 * slope / curvature, 0.1), 0.5) if curvature > 0 else 0.5
