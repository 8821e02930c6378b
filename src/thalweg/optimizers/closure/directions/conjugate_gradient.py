"""Nonlinear conjugate gradients: the last direction bends the steepest one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..objective import Point, point_of, point_state
from ..vector import read_numbers
from .krylov import Operator
from .steepest import first_trial
from .step import Step


class Products(NamedTuple):
    """The inner products that the formulas for beta are made of; y is the change of the gradient."""

    g_g: float
    g_y: float
    y_y: float
    d_y: float
    d_g: float
    d_d: float
    old_g_g: float
    old_d_g: float


def polak_ribiere(p: Products) -> float:
    """Polak & Ribière 1969, kept from going negative: Gilbert & Nocedal 1992."""
    return max(0.0, p.g_y / p.old_g_g)


def hestenes_stiefel(p: Products) -> float:
    """Hestenes & Stiefel 1952."""
    return p.g_y / p.d_y


def dai_yuan(p: Products) -> float:
    """Dai & Yuan 1999, "A nonlinear conjugate gradient method with a strong global convergence property"."""
    return p.g_g / p.d_y


def hybrid(p: Products) -> float:
    """Dai & Yuan 2001: Hestenes and Stiefel's between zero and Dai and Yuan's."""
    return max(0.0, min(hestenes_stiefel(p), dai_yuan(p)))


def hager_zhang(p: Products) -> float:
    """Hager & Zhang 2013, "The limited memory conjugate gradient method", equations 1.3 and 1.4 (eta 0.4)."""
    beta = (p.g_y - 2 * p.y_y * p.d_g / p.d_y) / p.d_y
    return max(beta, 0.4 * p.old_d_g / p.d_d)


Beta = Callable[[Products], float]

BETAS: dict[str, Beta] = {
    "hz": hager_zhang,
    "pr+": polak_ribiere,
    "hs": hestenes_stiefel,
    "dy": dai_yuan,
    "hs-dy": hybrid,
}


class ConjugateGradient:
    """The direction -g + beta d, restarted where it stops being conjugate.

    Restarts: after 6 n steps (Hager & Zhang), or where it does not descend (the line says so and forgets).
    """

    def __init__(self, beta: Beta) -> None:
        self.beta = beta
        self.forget()

    def forget(self) -> None:
        """Make the next direction the steepest."""
        self.step: Step | None = None
        self.age = 0

    @property
    def fresh(self) -> bool:
        """Whether the next direction is the steepest."""
        return self.step is None

    def displaced(self) -> None:
        """Start anew: the last direction is conjugate to nothing here."""
        self.forget()

    def state(self) -> dict[str, Any]:
        """Return the last step."""
        if self.step is None:
            return {"age": self.age}
        before, here, direction, *numbers = self.step
        return {
            "age": self.age,
            "before": point_state(before),
            "here": point_state(here),
            "d": direction,
            "step": numbers,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.age = state["age"]
        self.step = None
        if "d" in state:
            self.step = Step(point_of(state["before"]), point_of(state["here"]), state["d"], *state["step"])

    def learn(self, step: Step) -> None:
        """Keep the step."""
        self.age += 1
        restart = self.age > 6 * step.direction.numel() or step.slope_here == step.slope_before
        self.step = None if restart else step
        self.age = 0 if restart else self.age

    def first_trial(self, here: Point, slope: float) -> float:
        """Return where the last step's parabola has its minimum: the same curvature, the new slope."""
        if self.step is None:
            return first_trial(here, slope)
        return self.guess(self.step, slope)

    def guess(self, step: Step, slope: float) -> float:
        """Return 2 (f - f_old) / slope, Nocedal & Wright 2006, equation 3.60."""
        return 2 * (step.here.value - step.before.value) / slope or step.alpha

    def __call__(self, here: Point, hessian: Operator) -> Tensor:
        """Return -g + beta d."""
        if self.step is None:
            return -here.gradient
        beta = self.beta(self._products(self.step))
        return torch.sub(self.step.direction * beta, here.gradient)

    def _products(self, step: Step) -> Products:
        new, old, d = step.here.gradient, step.before.gradient, step.direction
        g_g, g_old, old_old, d_d = read_numbers(
            torch.dot(new, new), torch.dot(new, old), torch.dot(old, old), torch.dot(d, d)
        )
        change = step.slope_here - step.slope_before
        y_y = g_g - 2 * g_old + old_old
        return Products(g_g, g_g - g_old, y_y, change, step.slope_here, d_d, old_old, step.slope_before)
