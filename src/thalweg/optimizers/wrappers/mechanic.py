"""A learning rate that is learned: how far along a rule's own way the weights are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .learned_scale import BETAS, LearnedScale
from .sharpness import norm_of

FIRST = 1e-6
"""The largest gain to begin with, as in the authors' package: so the first step is one."""


class Mechanic(LearnedScale):
    """Around any optimizer: its lr becomes a schedule alone, and how long steps are is learned from the gradients.

    Cutkosky, Defazio & Mehta 2023, "Mechanic: a learning rate tuner", algorithm 1, with the size of h, and its
    first value, as the authors' package has them. https://arxiv.org/abs/2306.00144
    The optimizer's steps are summed up from the start; the weights are the start plus `scale` times that sum. `betas`
    are how slowly the learners forget, whose scales add up; `s_init` is the first scale; `s_decay` is the paper's
    lambda, which draws weights to zero; `eps` is added to what is divided by. It keeps two tensors for each parameter:
    `state_dict()` goes beside the optimizer's. Parameters without a gradient stay where they are.
    Tune: nothing; give the optimizer an lr of 1 times its schedule, or the lr that it usually has.

    Raises TypeError for options that are no numbers, and ValueError for numbers out of range.
    """

    first = {"scales": 0.0, "largest": FIRST, "squares": 0.0, "rewards": 0.0}

    s_init: float
    s_decay: float
    eps: float

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        betas: Sequence[float] = BETAS,
        s_init: float = 1e-8,
        s_decay: float = 0.01,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer, betas, s_init=s_init, s_decay=s_decay, eps=eps)

    @property
    def scale(self) -> float:
        """How many times the sum of the optimizer's steps the weights are away from the start."""
        return math.fsum(self.learners["scales"])

    def _gain(self, before: Mapping[Tensor, Tensor], grads: Mapping[Tensor, Tensor]) -> float:
        """Count the decay, too: the paper's h."""
        length = float(norm_of(grads.values())) / (float(norm_of(before[param] for param in grads)) + self.eps)
        decay = self.s_decay * self.scale * length
        return super()._gain(before, {param: grad + decay * before[param] for param, grad in grads.items()})

    def _learn_from(self, gain: float) -> None:
        old, count = self.learners, len(self.betas)
        new: dict[str, list[float]] = {name: [] for name in self.first}
        for place, beta in enumerate(self.betas):
            largest = max(beta * old["largest"][place], abs(gain))
            square = beta * beta * old["squares"][place] + gain * gain
            reward = max(beta * old["rewards"][place] - old["scales"][place] * gain, 0.0)
            scale = (largest * self.s_init / count + reward) / (math.sqrt(square) + self.eps)
            for name, number in zip(self.first, (scale, largest, square, reward), strict=True):
                new[name].append(number)
        self.learners = new
