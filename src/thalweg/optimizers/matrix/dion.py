"""Momentum of which a part is made orthogonal in each step, and what is left out waits for the next ones."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal

from ...formula import (
    Rows,
    Thin,
    column_total,
    floor,
    largest_lines,
    lerp,
    matmul,
    maximum,
    normal,
    orthonormal,
    row_mean,
    row_total,
    sqrt,
    total_square,
    transpose,
    unit_columns,
    where,
)
from ...hyper import SMALLEST, Decay, NonNegative, OneOf, Range
from .blockwise import Blockwise
from .muon import Orthogonalized

__all__ = ["Dion", "Dion2", "NorDion2"]


class Dion(Blockwise):
    """Momentum made orthogonal in a few directions, which are kept near those of its largest singular values.

    Ahn et al. 2025, "Dion: Distributed orthonormalized updates", algorithm 1. https://arxiv.org/abs/2504.05295
    The part of the momentum outside of these directions stays, and so does a share `momentum` of the part within. The
    number of directions is `rank_fraction` times the smaller side, rounded up; they start from random numbers of `seed`
    and the parameter. It takes a whole model as Muon does: `Dion(model.named_parameters())`.
    Tune: lr 0.01 for every size, and AdamW's beside it; rank_fraction 1/4 or less where matrices are large.
    """

    lr: NonNegative = 1e-2
    weight_decay: NonNegative = 0.01
    momentum: Decay = 0.95
    rank_fraction: Annotated[float, Range(SMALLEST, 1)] = 1.0
    eps: NonNegative = 1e-8

    phases = ("first", "later")

    def update(self, param, grad, momentum_buffer, directions: Thin):
        momentum_buffer = momentum_buffer + grad
        if self.phase == "first":
            directions = normal(directions, self.seed, self.param_index, 0)
        left = orthonormal(matmul(momentum_buffer, directions))
        right = matmul(transpose(momentum_buffer), left)
        momentum_buffer = momentum_buffer - (1 - self.momentum) * matmul(left, transpose(right))
        directions = unit_columns(right, self.eps)
        step = sqrt(self.rows / self.columns) * matmul(left, transpose(directions))
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * step, momentum_buffer, directions

    @classmethod
    def phase_of(cls, options, step):
        """Draw directions in the first step."""
        return "first" if step == 1 else "later"

    @classmethod
    def directions(cls, rows, columns, options):
        """Count directions by the smaller side."""
        return ceil(options["rank_fraction"] * min(rows, columns))

    @classmethod
    def adamw_rate(cls, options):
        """Let AdamW have its own learning rate."""
        return 1e-3


class Dion2(Orthogonalized):
    """Muon on those rows, or columns, of the momentum that have grown largest; the others wait, and go on growing.

    Ahn, Amsel & Langford 2025, "Dion2: A simple method to shrink matrix in Muon", algorithm 1.
    https://arxiv.org/abs/2512.16928
    A share `fraction` of the lines of the smaller side, rounded up, is chosen: those with the largest sums of absolute
    values. Of the rows or columns that a step has used, the share `momentum` stays. It takes a whole model as Muon
    does, and all other options are Muon's.
    Tune: Muon's lr and weight_decay, and fraction 1/4.
    """

    lr: NonNegative = 1e-2
    weight_decay: NonNegative = 0.01
    nesterov: Literal[False] = False
    adjust_lr_fn: Annotated[str | None, OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))] = (
        "spectral_unclamped"
    )
    fraction: Annotated[float, Range(SMALLEST, 1)] = 0.25

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = momentum_buffer + grad
        size = abs(momentum_buffer)
        is_wide = bool(self.rows <= self.columns)
        lines = self.rows if is_wide else self.columns
        sums = row_total(size) if is_wide else column_total(size)
        chosen = largest_lines(sums, maximum(1, -floor(-self.fraction * lines)))
        step = self.orthogonal(chosen * momentum_buffer)
        momentum_buffer = momentum_buffer * (1 - (1 - self.momentum) * chosen)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * step, momentum_buffer


class NorDion2(Orthogonalized):
    """Dion2 on rows, each of which goes as far as the others in the long run: NorMuon's mean squares of its steps.

    Ahn, Amsel & Langford 2025, "Dion2: A simple method to shrink matrix in Muon", with the rows' second moments of Li
    et al. 2025, "NorMuon", as their code joins the two. https://github.com/microsoft/dion
    Rows are chosen, even if columns are the smaller side. A row that waits keeps its mean square. All else is as for
    Dion2.
    Tune: Muon's lr and weight_decay, and fraction 1/4.
    """

    lr: NonNegative = 1e-2
    weight_decay: NonNegative = 0.01
    nesterov: Literal[False] = False
    adjust_lr_fn: Annotated[str | None, OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))] = (
        "spectral_unclamped"
    )
    fraction: Annotated[float, Range(SMALLEST, 1)] = 0.25
    beta2: Decay = 0.95
    denominator_eps: NonNegative = 1e-8

    def update(self, param, grad, momentum_buffer, second_momentum_buffer: Rows):
        momentum_buffer = momentum_buffer + grad
        chosen = largest_lines(row_total(abs(momentum_buffer)), maximum(1, -floor(-self.fraction * self.rows)))
        made = self.orthogonal(chosen * momentum_buffer)
        squares = lerp(second_momentum_buffer, row_mean(made * made), 1 - self.beta2)
        second_momentum_buffer = where(chosen > 0, squares, second_momentum_buffer)
        step = made / (sqrt(second_momentum_buffer) + self.denominator_eps)
        step = step * (sqrt(total_square(made)) / maximum(sqrt(total_square(step)), self.denominator_eps))
        momentum_buffer = momentum_buffer * (1 - (1 - self.momentum) * chosen)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * step, momentum_buffer, second_momentum_buffer
