"""Rates from how far the whole model has come, over the size of all its gradients."""

import math
from typing import Any, ClassVar

from ...formula import Copy, maximum, sqrt, total_square
from ...hyper import NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["DoG", "DoWG"]

OTHERWISE = {
    "max_tensor_norm": "the norm of all gradients is known before tensors are clipped by themselves",
    "grokfast": "the norm of all gradients is known before slow gradients are added",
    "gradient_centralization": "the norm of all gradients is known before means are taken off",
}
"""What would make the size of gradients another one than that of those it steps along."""


class DoG(Optimizer):
    """The rate is the largest distance from the start over the root of the sum of all squared gradients.

    Ivgi, Hinder & Carmon 2023, "DoG is SGD's best friend: a parameter-free dynamic step size schedule", equation 1.
    https://arxiv.org/abs/2302.12022
    The first step has the length `reps_rel` times 1 plus the norm of the model at the time when the optimizer is made:
    a plain number, through which no derivative goes.
    All groups share the distance and the sum; each has its own lr, and one whose lr is 0 rests. The authors' package
    has a distance for each group. The authors say that averaging is crucial: `ema_decay=0.999`, and evaluate within
    `averaged()`.
    Tune: nothing; reps_rel 1e-4 for models with batch normalization.
    """

    lr: NonNegative = 1.0
    reps_rel: Positive = 1e-6
    eps: NonNegative = 1e-8

    distance: ClassVar[Any]
    square_sum: ClassVar[Any]

    counts_steps = False
    needs_grad_norm = True
    measures = ("way_square", "slope_square")
    learned = ("distance", "square_sum")
    starts_from_parameters = True
    refuses = OTHERWISE

    def update(self, param, grad, x0: Copy):
        rate = self.distance / sqrt(self.square_sum + self.grad_norm * self.grad_norm + self.eps)
        param = param - self.lr * rate * grad
        return param, x0, total_square(param - x0), total_square(grad)

    @classmethod
    def start(cls, options):
        """Begin as a model of zeros would."""
        return cls.start_from(options, 0)

    @classmethod
    def start_from(cls, options, norm):
        """Begin with the distance that a model of this norm goes, and no gradient."""
        return {"distance": options["reps_rel"] * (1 + norm), "square_sum": 0.0}

    @classmethod
    def unfit(cls, param, options):
        """Refuse what has no weights yet: the first distance grows with their norm."""
        if param.is_meta:
            return "DoG measures the weights when it is made", "is on the meta device: give the model its weights first"
        return super().unfit(param, options)

    def add_param_group(self, param_group):
        """Add parameters, as every optimizer does; before the first step, the first distance grows with their norm."""
        super().add_param_group(param_group)
        if self.param_groups[0]["square_sum"] == 0:
            tensors = [param for group in self.param_groups for param in group["params"]]
            norm = math.hypot(*(_norm(param) for param in tensors))
            for group in self.param_groups:
                group.update(self.start_from({"reps_rel": float(self.reps_rel)}, norm))

    def learn(self, way_square, slope_square):
        """Remember the largest distance, and all gradients."""
        distance = maximum(self.distance, sqrt(way_square))
        return {"distance": distance, "square_sum": self.square_sum + slope_square}


class DoWG(Optimizer):
    """DoG that weights each gradient by the squared distance at its time, so that early ones count less.

    Khaled, Mishchenko & Jin 2023, "DoWG unleashed: an efficient universal parameter-free gradient descent method",
    algorithm 1. https://arxiv.org/abs/2305.16284
    `reps` is the distance to begin with. All groups share the distance and the sum, as in DoG.
    Tune: nothing.
    """

    lr: NonNegative = 1.0
    reps: Positive = 1e-2
    eps: NonNegative = 1e-8

    distance: ClassVar[Any]
    weighted_sum: ClassVar[Any]

    counts_steps = False
    needs_grad_norm = True
    measures = ("way_square", "slope_square")
    learned = ("distance", "weighted_sum")
    refuses = OTHERWISE

    def update(self, param, grad, x0: Copy):
        square = self.distance * self.distance
        rate = square / (sqrt(self.weighted_sum + square * self.grad_norm * self.grad_norm) + self.eps)
        param = param - self.lr * rate * grad
        return param, x0, total_square(param - x0), total_square(grad)

    @classmethod
    def start(cls, options):
        """Begin with the distance that is given, and no gradient."""
        return {"distance": options["reps"], "weighted_sum": 0.0}

    def learn(self, way_square, slope_square):
        """Remember the largest distance, and all gradients with the distance at their time."""
        weighted_sum = self.weighted_sum + self.distance * self.distance * slope_square
        return {"distance": maximum(self.distance, sqrt(way_square)), "weighted_sum": weighted_sum}


def _norm(param: Any) -> float:
    """Take the norm of a parameter; of a sharded one, that of all processes' parts."""
    norm = param.detach().abs().double().norm()
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
