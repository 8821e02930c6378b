"""Least squares: the residuals are linearized, and the linear model is trusted within a radius."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from ..directions.bend import Bend, measured
from ..directions.boxed_least_squares import BoxedModel, Model
from ..directions.damped_least_squares import DampedStep, LinearModel
from ..function.bounds import Box
from ..function.objective import Objective, Point
from ..function.residual_function import ResidualFunction
from ..function.units import lengths_of
from ..function.vector import dot, machine_epsilon, read_numbers
from ..run.stopping import BELOW_ROUNDING, rounding_at
from ..run.unseen import MOST
from ..run.verdict import inside
from .trust_region import agreement

APART = 1e8
"""How many times as long as another a column of J may be at the start, before their units decide more than the fit."""

HIDDEN = 10.0
"""How many times what rounding does to the loss a promise must exceed."""

SHORTER = 0.75
"""How long a step may be beside the last one, where lengths must tell whether steps still come nearer."""

WAY = (1.0, 0.1, 0.01)
"""How far to follow what the model promises, in sizes of the numbers."""

KEPT = 0.25
"""The share of what the model promises by which the loss must fall at one of these places."""


class Promise(NamedTuple):
    """By how much the model would lower the loss, and two measures of what rounding does to that.

    `hidden` is the loss that rounded numbers make of residuals of zero, `noise` what they add to the loss as it is.
    """

    promise: float
    hidden: float
    noise: float


class DenseLevenbergMarquardt:
    """Moré's trust region; `scaled` measures each number by the largest norm that its column of J has had.

    Unscaled it takes fewer evaluations: numbers are measured in ones unless their columns are too far apart for that.

    Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory", algorithm 7.1. A trial also tells how
    the residuals bend along it: the next step of that direction is bent alike, and where the model and the loss part,
    the radius shrinks to where the bent residuals are shortest. `units` are the lengths that numbers are measured in,
    ones if None. The model is solved in float64, whatever the parameters are kept in.
    """

    measured = False

    def __init__(self, scaled: bool = False, units: Tensor | None = None) -> None:
        self.scaled = scaled
        self.units = units
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
        """Keep the radius, unless nothing was left to find; the residuals may be others."""
        self.bend, self.radius = None, self.radius or math.nan

    def promise(self, objective: Objective, here: Point, least: float) -> float:
        """Return by how much Gauss and Newton's step would lower the loss, along directions that the dtype tells apart.

        What the rounding of the numbers does to the residuals is taken off. In float32 a trial may find nothing lower,
        and a gradient be lost in rounding, far from any minimum: where columns of J nearly cancel. Zero where that is
        not more than `least`, or where the loss does not fall on the way: at a minimum at which J is nearly singular.
        """
        model = self._modelled(objective, here)
        promise = 0.0 if model is None else model.promise - HIDDEN * model.hidden
        return promise if promise > least and self._falls(objective, here) else 0.0

    def _falls(self, objective: Objective, here: Point) -> bool:
        """Return whether the loss falls as promised, where numbers move no farther than their sizes."""
        sizes = lengths_of(here.x, here.x)
        jacobian = self._free_jacobian(objective, here)
        units = sizes if self.scale is None else sizes / self.scale
        step = LinearModel(jacobian, residual_function(objective).residuals, 1 / units.to(jacobian)).step(1.0)
        move = (step.p if self.scale is None else step.p * self.scale).to(here.x)
        least = rounding_at(here)
        changes = ((share, objective.loss(inside(here, here.x + share * move)) - here.value) for share in WAY)
        return any(change < -max(KEPT * share * step.promised, least) for share, change in changes)

    def sees_nothing(self, objective: Objective, here: Point) -> bool:
        """Return whether the loss, of residuals that are small beside the data, is noisier than what is promised."""
        model = self._modelled(objective, here)
        return model is not None and model.promise <= BELOW_ROUNDING * model.noise

    def _modelled(self, objective: Objective, here: Point) -> Promise | None:
        """Return what the model at `here` promises, and what rounding does to it; None where J is not finite."""
        jacobian = self._free_jacobian(objective, here)
        function, epsilon = residual_function(objective), machine_epsilon(here.x.dtype)
        if not bool(jacobian.isfinite().all()):
            return None
        norms = torch.linalg.vector_norm(jacobian, dim=0)
        left, values, _ = torch.linalg.svd(jacobian / torch.where(norms > 0, norms, 1.0), full_matrices=False)
        told_apart = values > epsilon * len(jacobian) * values[0]
        promised = (left.t() @ function.residuals).square() * told_apart
        rounding = self._rounding(jacobian, here)
        noise = dot(rounding, function.residuals.abs())
        return Promise(*read_numbers(0.5 * promised.sum(), 0.5 * dot(rounding, rounding), noise))

    def unseen(self, objective: Objective, here: Point) -> Tensor | None:
        """Return the ways that change no residual to first order, each as long as the numbers; None if there are none.

        There the model knows no bend of the loss, which may be that of a saddle. Numbers that a limit stops stay.
        """
        sizes = lengths_of(here.x, here.x)
        free = torch.ones_like(sizes) if self.box is None else self.box.free(here.x, here.gradient)
        jacobian = self._free_jacobian(objective, here) * (sizes if self.scale is None else sizes / self.scale)
        jacobian = jacobian[:, free.bool()]
        if not jacobian.numel() or not bool(jacobian.isfinite().all()):
            return None
        _, values, right = torch.linalg.svd(torch.linalg.qr(jacobian, mode="r")[1])
        rank = int((values > machine_epsilon(here.x.dtype) * len(jacobian) * values[0]).sum())
        ways: Tensor = right.new_zeros(len(right) - rank, len(sizes))
        ways[:, free.bool()] = right[rank:]
        return ways[-MOST:] * sizes if len(ways) else None

    def _free_jacobian(self, objective: Objective, here: Point) -> Tensor:
        """Return J at `here`, zero for numbers that a limit stops."""
        if objective.last is not here.x:
            objective.at(here.x)
        jacobian = residual_function(objective).jacobian()
        return jacobian if self.box is None else jacobian * self.box.free(here.x, here.gradient)

    def _rounding(self, jacobian: Tensor, here: Point) -> Tensor:
        """Return by how much residuals may be off, because the numbers are rounded."""
        x = here.x if self.scale is None else here.x / self.scale
        return machine_epsilon(here.x.dtype) * jacobian.abs() @ x.abs().to(jacobian)

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
        if self.radius == 0:
            return None
        model = self._model(objective, here)
        step = model.step(self.radius)
        if settled := self._settled(objective, here, model, step):
            return settled
        while step.promised > 0 and self._is_seen(here, model, step):
            move = self._bent(model, step)
            there = objective.at(self._moved(here, model, move))
            ratio = agreement(here, there, step.promised)
            self.bend = self._measured(objective, model, move) if there.finite else None
            self._resize(ratio, step.length, model.residuals)
            if ratio > 1e-4:
                return there
            step = model.step(self.radius)
        return None

    def _is_seen(self, here: Point, model: Model, step: DampedStep) -> bool:
        """Return whether a step moves the numbers by more than their rounding.

        Beside large numbers small ones may move alone, as long as the noise of the loss does not hide what that gains.
        """
        epsilon, sizes = machine_epsilon(here.x.dtype), here.x.abs()
        if step.length > epsilon * read_numbers(torch.linalg.vector_norm(model.scaling * here.x))[0]:
            return True
        least = epsilon * torch.maximum(sizes, epsilon * sizes.max())
        moves = step.p.abs() > (least if self.scale is None else least / self.scale)
        return bool(moves.any()) and step.promised > self._noise(here, model)

    def _noise(self, here: Point, model: Model) -> float:
        """Return what the rounding of the numbers does to the loss."""
        return BELOW_ROUNDING * read_numbers(dot(self._rounding(model.jacobian, here), model.residuals.abs()))[0]

    def _settled(self, objective: Objective, here: Point, model: Model, step: DampedStep) -> Point | None:
        """Follow steps whose promise is lost in the noise of the loss: it cannot judge them, but their lengths can.

        Each must be shorter than the last; after the last one, nothing is left to find. None if there is no such step,
        if the first raises the loss beyond its noise, or where weights change on the way, which makes steps slow.
        """
        if step.damping or residual_function(objective).weights is not None:
            return None
        noise = self._noise(here, model)
        there, length = here, math.inf
        while 0 < step.promised <= noise and step.length < SHORTER * length and self._is_seen(there, model, step):
            trial = objective.at(self._moved(there, model, step.p))
            if not trial.value <= here.value + noise:
                break
            there, length, self.radius = trial, step.length, 0.0
            model = self._model(objective, there)
            step = model.step(math.inf)
        return None if there is here else there

    def _model(self, objective: Objective, here: Point) -> Model:
        """Linearize at `here`."""
        if objective.last is not here.x:
            objective.at(here.x)
        function = residual_function(objective)
        jacobian = function.jacobian() if self.box is None else self.box.told(function.jacobian())
        self.jacobians += 1
        self.scaling = self._rescaled(jacobian)
        if math.isnan(self.radius):
            self.radius = read_numbers(torch.linalg.vector_norm(self.scaling * here.x))[0] or 1.0
        model = LinearModel(jacobian, function.residuals, self.scaling)
        return model if self.box is None else self._boxed(self.box, model, here)

    def _boxed(self, box: Box, model: LinearModel, here: Point) -> BoxedModel:
        """Return the model that stays in the box, measured from `here` in the model's units of length."""
        scale: Tensor | float = 1.0 if self.scale is None else self.scale
        low, high = (((wall - here.x) / scale).to(model.jacobian) for wall in (box.lower, box.upper))
        return BoxedModel(model, low, high, box.free(here.x, here.gradient) == 0)

    def _rescaled(self, jacobian: Tensor) -> Tensor:
        """Return the inverse unit of each number: one, as given, or its column's largest norm so far."""
        norms = torch.linalg.vector_norm(jacobian, dim=0)
        given = torch.ones_like(norms) if self.units is None else 1 / self.units.to(norms)
        if self.scaling is None:
            # A column of zeros may grow, so it has the unit of the others.
            known = torch.where(norms > 0, norms, norms.max() if bool(norms.any()) else 1.0)
            return known if self.scaled or are_apart(norms / given) else given
        scaling = self.scaling.to(norms)
        return scaling if not self.scaled and torch.equal(scaling, given) else torch.maximum(scaling, norms)

    def _bent(self, model: Model, step: DampedStep) -> Tensor:
        """Return the step, bent as the residuals bent before where the box leaves room for it."""
        if self.bend is None:
            return step.p
        move = self.bend.corrected(model, step)
        return move if isinstance(model, LinearModel) or model.inside(move) else step.p

    def _moved(self, here: Point, model: Model, move: Tensor) -> Tensor:
        """Return the trial; a number that goes as far as a wall lies on it exactly."""
        moved = here.x + (move if self.scale is None else move * self.scale).to(here.x)
        if self.box is None or isinstance(model, LinearModel):
            return moved
        moved = torch.where(move <= model.low, self.box.lower, moved)
        return self.box.project(torch.where(move >= model.high, self.box.upper, moved))

    def _measured(self, objective: Objective, model: Model, move: Tensor) -> Bend | None:
        """Return how the residuals bent; weights that change on the way would be taken for bending."""
        function = residual_function(objective)
        return None if function.weights is not None else measured(model, move, function.residuals)

    def _resize(self, ratio: float, length: float, residuals: Tensor) -> None:
        """Shrink where the model promised too much, grow where it was right."""
        if not ratio > 0.25:
            shrinkage = 0.1 if self.bend is None else self.bend.shrinkage(residuals)
            self.radius = shrinkage * min(self.radius, 10 * length)
        elif ratio > 0.75:
            self.radius = max(self.radius, 2 * length)


def are_apart(norms: Tensor) -> bool:
    """Return whether some columns of J are so much longer than others that no radius suits both."""
    known = norms[norms > 0]
    return bool(known.numel()) and bool(known.max() > APART * known.min())


def residual_function(objective: Objective) -> ResidualFunction:
    """Return the residuals that the objective is made of."""
    return cast(ResidualFunction, objective.function)
