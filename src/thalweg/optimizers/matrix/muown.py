"""Muon for where a matrix' rows point, and Adam for how long they are."""

from __future__ import annotations

from typing import Annotated

from ...formula import Rows, lerp, row_total, sqrt, where
from ...hyper import Betas, NonNegative, OneOf, Whole
from .muon import Orthogonalized

__all__ = ["Muown"]


class Muown(Orthogonalized):
    """Each row is a length times a direction: Muon moves the direction and Adam the length, so that neither drifts.

    Lion, Hübler, Li, Orvieto & He 2026, "Muown: Row-norm control for Muon optimization", algorithm 1, and its authors'
    code. https://arxiv.org/abs/2605.10797
    `betas` and `magnitude_eps` are Adam's. For weight decay, the share lr * weight_decay of the old weights is
    subtracted from the new ones. Rows of zeros have no direction, and stay as they are. It takes a whole model as Muon
    does, and everything else is as for Muon.
    Tune: AdamW's lr, as updates have the size of AdamW's.
    """

    lr: NonNegative = 3e-4
    weight_decay: NonNegative = 0.0
    nesterov: bool = False
    ns_steps: Annotated[int, Whole(0, 99)] = 12
    adjust_lr_fn: Annotated[str | None, OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))] = (
        "match_rms_adamw"
    )
    betas: Betas = (0.9, 0.95)
    magnitude_eps: NonNegative = 1e-8

    counts_steps = True

    def update(
        self, param, grad, momentum_buffer, magnitude: Rows, direction_norm: Rows, exp_avg: Rows, exp_avg_sq: Rows
    ):
        beta1, beta2 = self.betas
        norm = sqrt(row_total(param * param))
        magnitude = where(self.is_first_step, norm, magnitude)
        direction_norm = where(self.is_first_step, norm, direction_norm)
        unit = param / where(magnitude == 0, 1 + 0 * magnitude, magnitude)
        slope = row_total(grad * unit)
        across = grad - unit * slope
        turn = across * magnitude / where(direction_norm == 0, 1 + 0 * direction_norm, direction_norm)
        momentum_buffer = lerp(momentum_buffer, turn, 1 - self.momentum)
        step = lerp(turn, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        direction = unit * direction_norm - self.lr * self.size() * self.orthogonal(step)
        exp_avg = lerp(exp_avg, slope, 1 - beta1)
        exp_avg_sq = lerp(exp_avg_sq, slope * slope, 1 - beta2)
        root = sqrt(exp_avg_sq / (1 - beta2**self.step_count)) + self.magnitude_eps
        magnitude = magnitude - self.lr * (exp_avg / (1 - beta1**self.step_count)) / root
        direction_norm = sqrt(row_total(direction * direction))
        new = magnitude * (direction / where(direction_norm == 0, 1 + 0 * direction_norm, direction_norm))
        if self.weight_decay:
            new = new - self.lr * self.weight_decay * param
            magnitude = sqrt(row_total(new * new))
        return new, momentum_buffer, magnitude, direction_norm, exp_avg, exp_avg_sq
