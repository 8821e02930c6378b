"""What a step teaches about the curvature along it, from slopes and from values."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .step import Step

TRUST = 5.0


def value_correction(step: Step) -> float:
    """Return the factor by which the values correct the curvature s'y at the end of the step.

    The cubic through both values and slopes bends by t s'y there, t = 6 (f - f+ + s'g+) / s'y - 2, where slopes alone
    give the mean. Biggs 1973, "A note on minimization algorithms which make use of non-quadratic properties of the
    objective function", J. Inst. Maths Applics 12. One where the values differ by little more than rounding.
    """
    fall, curvature = step.before.value - step.here.value, step.curvature
    rounding = math.sqrt(step.epsilon) * abs(step.here.value)
    if abs(fall) <= rounding or curvature <= 0:
        return 1.0
    t = 6 * (fall + step.alpha * step.slope_here) / curvature - 2
    return min(max(t, 1 / TRUST), TRUST)


class Change(NamedTuple):
    """What a step teaches: the change of the gradient is `factor` times `y`, and bends by `curvature` = s'y."""

    y: Tensor
    factor: float
    curvature: float


def gradient_change(step: Step, damping: float = 0.0, out: Tensor | None = None) -> Change:
    """Return the change corrected by the values, or damped towards the model where the function bends too little."""
    y = torch.sub(step.here.gradient, step.before.gradient, out=out)
    if damping and step.curvature < damping * step.modelled:
        return damped(step, y, damping)
    factor = value_correction(step)
    return Change(y, factor, step.curvature * factor)


def damped(step: Step, y: Tensor, damping: float) -> Change:
    """Return the mixture of y with Bs = -alpha g that bends by the share `damping` of the model's s'Bs.

    Powell 1978; Nocedal & Wright 2006, "Numerical Optimization", procedure 18.2, where the share is 0.2.
    """
    theta = (1 - damping) * step.modelled / (step.modelled - step.curvature)
    y.mul_(theta).add_(step.before.gradient, alpha=-step.alpha * (1 - theta))
    return Change(y, 1.0, damping * step.modelled)
