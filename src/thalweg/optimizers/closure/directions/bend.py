"""How residuals bend along a step: measured by the trial, used for the next one, at no evaluation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..function.vector import read_numbers
from .boxed_least_squares import Model
from .damped_least_squares import DampedStep

ALIKE = 0.9
"""The least cosine between two steps of which the second bends as the first did."""

LARGEST = 0.75
"""The longest a correction may be, as a share of its step: Transtrum & Sethna's alpha, for half the acceleration."""


class Bend(NamedTuple):
    """The second derivative of the residuals along a step, r'' = 2 (r(x + p) - r - J p).

    Transtrum & Sethna 2012, "Improvements to the Levenberg-Marquardt algorithm for nonlinear least-squares
    minimization", https://arxiv.org/abs/1201.5885, section 3, spend an evaluation on r'' along the step to come; here
    it is that of the step before, where both point the same way, as they do in a valley.
    """

    step: Tensor
    length: float
    change: Tensor
    second: Tensor

    def corrected(self, model: Model, step: DampedStep) -> Tensor:
        """Return the step with half the acceleration a that answers r'', J a = -r'' damped as the step is."""
        second = self._along(model, step)
        if second is None:
            return step.p
        correction = 0.5 * model.answer(second, step.damping)
        share = read_numbers(torch.linalg.vector_norm(model.scaling * correction))[0] / step.length
        return step.p + correction if share <= LARGEST else step.p

    def _along(self, model: Model, step: DampedStep) -> Tensor | None:
        """Return r'' along another step, None where that points elsewhere or there are other residuals."""
        if self.second.shape != model.residuals.shape:
            return None
        product = read_numbers(torch.dot(model.scaling * step.p, model.scaling * self.step))[0]
        alike = product > ALIKE * step.length * self.length
        return self.second * (step.length / self.length) ** 2 if alike else None

    def shrinkage(self, residuals: Tensor) -> float:
        """Return the share of the step, from 0.1 to 0.5, at which |r + t J p + t^2 r'' / 2| is least."""
        pairs = ((residuals, self.change), (self.change, self.change), (residuals, self.second))
        more = ((self.change, self.second), (self.second, self.second))
        r_c, c_c, r_s, c_s, s_s = read_numbers(*(torch.dot(a, b) for a, b in (*pairs, *more)))

        def squares(t: float) -> float:
            return t * (2 * r_c + t * (c_c + r_s + t * (c_s + t * s_s / 4)))

        return min((k / 100 for k in range(10, 51)), key=squares)


def measured(model: Model, step: Tensor, there: Tensor) -> Bend | None:
    """Return how the residuals bent on the way to `there`, None where they are not finite or others."""
    length = read_numbers(torch.linalg.vector_norm(model.scaling * step))[0]
    if there.shape != model.residuals.shape or not length > 0:
        return None
    change = model.jacobian @ step
    return Bend(step, length, change, 2 * (there - model.residuals - change))
