"""Least squares: the residuals are linearized, and the linear model is trusted within a radius."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from .bounds import Box
from .directions.bend import Bend, measured
from .directions.damped_least_squares import LinearModel
from .objective import Objective, Point
from .residual_function import ResidualFunction
from .trust_region import agreement
from .vector import read_numbers


class DenseLevenbergMarquardt:
    """Moré's trust region; `scaled` measures each number by the largest norm that its column of J has had.

    Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory", algorithm 7.1. A trial also tells how
    the residuals bend along it: the next step of that direction is bent alike, and where the model and the loss part,
    the radius shrinks to where the bent residuals are shortest.
    """

    def __init__(self, scaled: bool = False) -> None:
        self.scaled = scaled
        self.lr = 1.0
        self.scale: Tensor | None = None
        self.box: Box | None = None
        self.radius = math.nan
        self.scaling: Tensor | None = None
        self.bend: Bend | None = None
        self.jacobians = 0

    @property
    def fresh(self) -> bool:
        """Whether no radius is known."""
        return self.scaling is None

    def forget(self) -> None:
        """Guess scaling and radius anew."""
        self.scaling, self.radius, self.bend = None, math.nan, None

    def displaced(self) -> None:
        """Keep the radius; the residuals may be others."""
        self.bend = None

    def state(self) -> dict[str, Any]:
        """Return radius, scaling and bend."""
        bend = None if self.bend is None else list(self.bend)
        return {"radius": self.radius, "scaling": self.scaling, "bend": bend, "jacobians": self.jacobians}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.radius, self.scaling, self.jacobians = state["radius"], state["scaling"], state["jacobians"]
        self.bend = None if state["bend"] is None else Bend(*state["bend"])

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the first trial that falls as promised, None where the radius has shrunk away."""
        model, scaling = self._model(objective, here)
        size = read_numbers(torch.linalg.vector_norm(scaling * here.x))[0]
        while True:
            step = model.step(self.radius)
            if not step.promised > 0 or step.length <= torch.finfo(here.x.dtype).eps * size:
                return None
            move = step.p if self.bend is None else self.bend.corrected(model, step)
            there = objective.at(here.x + (move if self.scale is None else move * self.scale))
            ratio = agreement(here, there, step.promised)
            self.bend = measured(model, move, residuals_of(objective)) if there.finite else None
            self._resize(ratio, step.length, model.residuals)
            if ratio > 1e-4:
                return there

    def _model(self, objective: Objective, here: Point) -> tuple[LinearModel, Tensor]:
        """Linearize at `here`."""
        if objective.last is not here.x:
            objective.at(here.x)
        jacobian = cast(ResidualFunction, objective.function).jacobian()
        self.jacobians += 1
        self.scaling = self._rescaled(jacobian)
        if math.isnan(self.radius):
            self.radius = read_numbers(torch.linalg.vector_norm(self.scaling * here.x))[0] or 1.0
        return LinearModel(jacobian, residuals_of(objective), self.scaling), self.scaling

    def _rescaled(self, jacobian: Tensor) -> Tensor:
        """Return the unit of each number: one, or its column's largest norm so far."""
        norms = torch.linalg.vector_norm(jacobian, dim=0)
        if not self.scaled:
            return torch.ones_like(norms)
        if self.scaling is None:
            return torch.where(norms > 0, norms, torch.ones_like(norms))
        return torch.maximum(self.scaling, norms)

    def _resize(self, ratio: float, length: float, residuals: Tensor) -> None:
        """Shrink where the model promised too much, grow where it was right."""
        if not ratio > 0.25:
            shrinkage = 0.1 if self.bend is None else self.bend.shrinkage(residuals)
            self.radius = shrinkage * min(self.radius, 10 * length)
        elif ratio > 0.75:
            self.radius = max(self.radius, 2 * length)


def residuals_of(objective: Objective) -> Tensor:
    """Return the residuals at the last point."""
    return cast(ResidualFunction, objective.function).residuals
