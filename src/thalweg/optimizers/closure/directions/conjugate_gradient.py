"""Nonlinear conjugate gradients: the last direction bends the steepest one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from ..function.objective import Point, point_of, point_state
from ..function.vector import dot, product, read_numbers
from .curvature import value_correction
from .krylov import Operator
from .steepest import first_trial
from .step import Step


class Products(NamedTuple):
    """What the formulas are made of: inner products, y being the change of the gradient, and two numbers of the step.

    `alpha` is its length along d, `correction` what its values say of its curvature.
    """

    g_g: float
    g_y: float
    y_y: float
    d_y: float
    d_g: float
    old_g_g: float
    old_d_g: float
    d_d: Callable[[], float]
    alpha: float = 1.0
    correction: float = 1.0


class Weights(NamedTuple):
    """The next direction, -gradient g + beta d + change y."""

    beta: float
    gradient: float = 1.0
    change: float = 0.0


def polak_ribiere(p: Products) -> Weights:
    """Polak & Ribière 1969, kept from going negative: Gilbert & Nocedal 1992."""
    return Weights(max(0.0, p.g_y / p.old_g_g))


def hestenes_stiefel(p: Products) -> Weights:
    """Hestenes & Stiefel 1952."""
    return Weights(p.g_y / p.d_y)


def dai_yuan(p: Products) -> Weights:
    """Dai & Yuan 1999, "A nonlinear conjugate gradient method with a strong global convergence property"."""
    return Weights(p.g_g / p.d_y)


def hybrid(p: Products) -> Weights:
    """Dai & Yuan 2001: Hestenes and Stiefel's between zero and Dai and Yuan's."""
    return Weights(max(0.0, min(p.g_y, p.g_g) / p.d_y))


def hager_zhang(p: Products) -> Weights:
    """Hager & Zhang 2013, "The limited memory conjugate gradient method", equations 1.3 and 1.4 (eta 0.4)."""
    beta = (p.g_y - 2 * p.y_y * p.d_g / p.d_y) / p.d_y
    return Weights(max(beta, 0.4 * p.old_d_g / p.d_d()))


def shanno(p: Products) -> Weights:
    """Shanno 1978, "Conjugate gradient methods with inexact searches": -H g, H being BFGS's of the last step alone.

    H starts from the scale s'y / y'y; https://doi.org/10.1287/moor.3.3.244. With exact searches d'g = 0, and this is
    Hestenes and Stiefel's direction times the scale.
    """
    scale = p.alpha * p.d_y / (p.correction * p.y_y)
    beta = scale * p.g_y / p.d_y - 2 * p.alpha * p.d_g / (p.correction * p.d_y)
    return Weights(beta, scale, scale * p.d_g / p.d_y)


Formula = Callable[[Products], Weights]

BETAS: dict[str, Formula] = {
    "shanno": shanno,
    "hz": hager_zhang,
    "pr+": polak_ribiere,
    "hs": hestenes_stiefel,
    "dy": dai_yuan,
    "hs-dy": hybrid,
}


class ConjugateGradient:
    """The direction -g + beta d, restarted where it stops being conjugate.

    Restarts: after 6 n steps (Hager & Zhang), where the function does not bend upwards beyond rounding, or where the
    direction does not descend (the line says so and forgets).
    """

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self.squared: tuple[Tensor, float] | None = None
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
        step = self.step
        ends = {"before": point_state(step.before), "here": point_state(step.here)}
        return {"age": self.age, **ends, "d": step.direction, "step": step.numbers}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.age = state["age"]
        self.step = None
        if "d" in state:
            self.step = Step(point_of(state["before"]), point_of(state["here"]), state["d"], *state["step"])

    def learn(self, step: Step) -> None:
        """Keep the step."""
        self.age += 1
        restart = self.age > 6 * step.direction.numel() or not step.bends_up
        self.step = None if restart else step
        self.age = 0 if restart else self.age

    def first_trial(self, here: Point, slope: float) -> float:
        """Return where the last step's parabola has its minimum; 1 where the direction has the length of a step."""
        if self.step is None:
            return first_trial(here, slope)
        return 1.0 if self.formula is shanno else self.guess(self.step, slope)

    def guess(self, step: Step, slope: float) -> float:
        """Return 2 (f - f_old) / slope, Nocedal & Wright 2006, equation 3.60."""
        return 2 * (step.here.value - step.before.value) / slope or step.alpha

    def __call__(self, here: Point, hessian: Operator) -> Tensor:
        """Return the formula's direction."""
        step = self.step
        weights = None if step is None else self._weights(step)
        if step is None or weights is None:
            self.forget()
            return -here.gradient
        beta, gradient, change = weights
        direction = (step.direction * beta).sub_(here.gradient, alpha=gradient - change)
        return direction if change == 0.0 else direction.sub_(step.before.gradient, alpha=change)

    def _weights(self, step: Step) -> Weights | None:
        """Apply the formula; so short a step that the change of the gradient is lost in rounding teaches nothing."""
        products = self._products(step)
        if not min(products.y_y, products.old_g_g, products.d_y) > 0:
            return None
        try:
            weights = self.formula(products)
        except ZeroDivisionError:
            return None
        return weights if math.isfinite(sum(weights)) else None

    def _products(self, step: Step) -> Products:
        new, old, d = step.here.gradient, step.before.gradient, step.direction
        known = self.squared is not None and self.squared[0] is old
        g_g, g_old, *rest = read_numbers(dot(new, new), dot(new, old), *([] if known else [dot(old, old)]))
        old_old = self.squared[1] if self.squared is not None and known else rest[0]
        self.squared = (new, g_g)
        change = step.slope_here - step.slope_before
        y_y = g_g - 2 * g_old + old_old
        slopes = (step.slope_here, old_old, step.slope_before, lambda: product(d, d))
        return Products(g_g, g_g - g_old, y_y, change, *slopes, step.alpha, value_correction(step))
