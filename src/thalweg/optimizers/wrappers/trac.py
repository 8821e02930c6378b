"""A scale that is learned, and falls back towards the start: for tasks that change while a network learns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from .learned_scale import BETAS, LearnedScale

FIRST = 1e-8
"""The first sum of gains, as in the authors' package: so the first scale is not zero."""

LARGEST = 26.0
"""Of larger numbers, no float has the imaginary error function."""


class TRAC(LearnedScale):
    """Around any optimizer: how far the weights are from their start is learned, and may become less again.

    Muppidi, Zhang & Yang 2024, "Fast TRAC: a parameter-free optimizer for lifelong reinforcement learning", algorithms
    1 and 2, with the first sum as in the authors' package. https://arxiv.org/abs/2405.16642
    The optimizer's steps are summed up from the start; the weights are the start plus `scale` times that sum. When a
    task changes and the way so far misleads, the scale falls, to zero if need be: the weights are drawn back to where
    they can still learn. `betas` are how slowly the learners forget, whose scales add up; `s_init` is the first scale;
    `eps` is added to the root that is divided by. It keeps two tensors for each parameter: `state_dict()` goes beside
    the optimizer's. Parameters without a gradient stay where they are.
    Tune: nothing; give the optimizer the lr that it usually has.

    Raises TypeError for options that are no numbers, and ValueError for numbers out of range.
    """

    first = {"sums": FIRST, "squares": 0.0}

    s_init: float
    eps: float

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        betas: Sequence[float] = BETAS,
        s_init: float = 1e-8,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer, betas, s_init=s_init, eps=eps)

    @property
    def scale(self) -> float:
        """How many times the sum of the optimizer's steps the weights are away from the start."""
        pairs = zip(self.learners["sums"], self.learners["squares"], strict=True)
        scales = [erfi(total / (math.sqrt(2 * square) + self.eps)) for total, square in pairs]
        return max(self.s_init / erfi(math.sqrt(0.5)) * math.fsum(scales), 0.0)

    def _learn_from(self, gain: float) -> None:
        old = self.learners
        self.learners = {
            "sums": [beta * total - gain for beta, total in zip(self.betas, old["sums"], strict=True)],
            "squares": [beta**2 * square + gain**2 for beta, square in zip(self.betas, old["squares"], strict=True)],
        }


def erfi(x: float) -> float:
    """Give the imaginary error function, by its series: all terms have one sign."""
    x = max(-LARGEST, min(x, LARGEST))
    power, value, k = x, x, 0
    while abs(power) > 1e-17 * abs(value):
        k += 1
        power *= x * x / k
        value += power / (2 * k + 1)
    return 2 / math.sqrt(math.pi) * value
