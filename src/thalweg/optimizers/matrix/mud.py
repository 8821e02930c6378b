"""Momentum whose rows are freed of what they have in common with those before them."""

from __future__ import annotations

from ...formula import column_total, lerp, matmul, maximum, over_upper, row_total, sqrt, transpose, upper
from ...hyper import Count, Decay, NonNegative
from .blockwise import Blockwise

__all__ = ["MUD"]


class MUD(Blockwise):
    """Muon with a triangular factor in place of its iteration: each row loses its parts along earlier rows.

    Southworth & Thomas 2026, "Beyond Muon: MUD (MomentUm Decorrelation) for faster transformer training", algorithm 1.
    https://arxiv.org/abs/2603.17970
    Rows (columns, if there are fewer of them) are brought to a length of 1, divided by the triangle of their products,
    and brought to a length of 1 again, `passes` times. Updates have the size of AdamW's. It takes a whole model as Muon
    does.
    Tune: AdamW's lr and weight_decay, and passes 1.
    """

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 0.1
    momentum: Decay = 0.95
    nesterov: bool = True
    passes: Count = 1
    eps: NonNegative = 1e-8

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        step = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        for _ in range(self.passes):
            step = self.unit(self.decorrelated(self.unit(step)))
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * 0.2 * sqrt(maximum(self.rows, self.columns)) * step, momentum_buffer

    @classmethod
    def adamw_rate(cls, options):
        """Let AdamW have the same learning rate, whose units are its own."""
        return options["lr"]

    def is_wide(self):
        """Tell if rows are the smaller side."""
        return bool(self.rows <= self.columns)

    def unit(self, x):
        """Bring lines of the smaller side to a length of 1."""
        total = row_total(x * x) if self.is_wide() else column_total(x * x)
        return x / (sqrt(total) + self.eps)

    def decorrelated(self, x):
        """Divide by the triangle of products."""
        if self.is_wide():
            return transpose(over_upper(transpose(x), upper(matmul(x, transpose(x)))))
        return over_upper(x, upper(matmul(transpose(x), x)))
