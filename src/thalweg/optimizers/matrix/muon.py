"""Momentum whose matrices are made orthogonal: every direction that they have counts as much as the largest."""

from __future__ import annotations

from typing import Annotated

from ...formula import (
    COEFFICIENTS,
    Rows,
    Scalar,
    Unsigned,
    lerp,
    maximum,
    minimum,
    orthogonalize,
    row_mean,
    sign,
    sqrt,
    total_square,
)
from ...hyper import Decay, NonNegative, OneOf, Positive, Threes, Whole
from ..routing.whole_model import WholeModel

__all__ = ["AdaGO", "AdaMuon", "Muon", "NorMuon"]


class Orthogonalized(WholeModel):
    """What Muon and its family have in common: the options, an orthogonal direction, and the size of an update."""

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 0.1
    momentum: Decay = 0.95
    nesterov: bool = True
    ns_coefficients: Annotated[object, Threes(tuple(COEFFICIENTS))] = (3.4445, -4.7750, 2.0315)
    eps: NonNegative = 1e-7
    ns_steps: Annotated[int, Whole(0, 99)] = 5
    adjust_lr_fn: Annotated[str | None, OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))] = None

    counts_steps = False

    def orthogonal(self, direction):
        """Make a direction orthogonal, matrix by matrix."""
        return orthogonalize(direction, self.ns_coefficients, self.ns_steps, self.eps, self.batch_dims, self.blocks)

    def size(self):
        """Give the size of an update for matrices of any shape."""
        rows = self.rows / self.blocks
        if self.adjust_lr_fn == "match_rms_adamw":
            return 0.2 * sqrt(maximum(rows, self.columns))
        ratio = rows / self.columns
        return sqrt(ratio if self.adjust_lr_fn == "spectral_unclamped" else maximum(1, ratio))


class Muon(Orthogonalized):
    """Momentum with the singular values of each matrix brought near 1: small directions learn as fast as large ones.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", with the iteration of Newton and
    Schulz in bfloat16. https://kellerjordan.github.io/posts/muon/
    `adjust_lr_fn="match_rms_adamw"` gives updates the size of AdamW's, so that its lr and weight_decay can stay: Liu et
    al. 2025, "Muon is scalable for LLM training", equation 4. https://arxiv.org/abs/2502.16982
    "spectral_unclamped" is the root of rows over columns, also below 1: torch.optim has it from version 2.15 on.
    `ns_coefficients` are three numbers for every step, three for each, or the name of such: "polar_express" (Amsel et
    al. 2025, https://arxiv.org/abs/2505.16932), "quintic", "cans", "aol", "deepseekv4" and "cubic5" beside "simple",
    Jordan's own; if there are more `ns_steps`, the last three are used again.

    `Muon(model.named_parameters())` takes a whole model. The weights between hidden layers are Muon's. Embeddings,
    heads, norms, biases, and matrices that are not fit for Muon (fewer than 4 rows or columns, 128 times as long as
    wide, or 1 among the first two sizes) are AdamW's. They are in a group of their own, whose lr is `adamw_lr` and
    whose weight_decay is `adamw_weight_decay` when it is made; `adamw_lr` is 1e-3 by default, or lr itself with
    "match_rms_adamw".
    `adamw_names` are names of parameters that are AdamW's, in which `*` stands for anything; a name without a dot
    stands for any part of a full name. A group may decide by `use_muon`. Parameters without names are all Muon's, as in
    torch.optim. `explain()` says which parameter went where, and why.

    If a tensor has more dimensions, as in a convolution, the first one is the rows, and all others together are the
    columns. `batch_dims` is the number of leading dimensions that only count matrices, as in stacked experts. `blocks`
    cuts the rows into this many matrices of one size: 3 for a fused projection of queries, keys and values, or the
    number of heads.
    Tune: lr about 0.02, and AdamW's lr with "match_rms_adamw"; momentum 0.95.
    """

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        step = self.orthogonal(direction)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * step, momentum_buffer


class AdaGO(Orthogonalized):
    """Muon whose steps shrink as the norms of gradients add up, as Adagrad's do: less of a schedule is needed.

    Zhang, Liu & Schaeffer 2025, "AdaGrad meets Muon: Adaptive stepsizes for orthogonal updates", algorithm 1.
    https://arxiv.org/abs/2509.02981
    A step has the length lr * n / v, where n is the norm of the gradient and v the root of the sum of all n * n.
    `gamma` is the most that a norm counts for; `least_step` is the least length of a step; `initial_norm` is a norm
    that is summed before the first. Weights decay by lr * weight_decay. Steps are orthogonal as they are, unless
    `adjust_lr_fn` gives them a size that depends on the shape, as Muon's have: lr is multiplied by it. Everything else
    is as for Muon.
    Tune: lr 0.05, the length of the first step, and least_step a hundredth of it.
    """

    lr: NonNegative = 5e-2
    weight_decay: NonNegative = 0.0
    nesterov: bool = False
    gamma: Positive = 10.0
    least_step: NonNegative = 5e-4
    initial_norm: Positive = 1e-3

    def update(self, param, grad, momentum_buffer, square_sum: Scalar):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        norm = minimum(sqrt(total_square(grad)), self.gamma)
        square_sum = square_sum + norm * norm
        length = maximum(self.least_step, self.lr * self.size() * norm / sqrt(square_sum))
        param = param * (1 - self.lr * self.weight_decay)
        return param - length * self.orthogonal(direction), momentum_buffer, square_sum

    def initial_square_sum(self):
        """Above zero, so that the first division is by a number."""
        return self.initial_norm**2

    def size(self):
        """Leave an orthogonal matrix as it is, unless a size is chosen."""
        return 1 if self.adjust_lr_fn is None else super().size()


class Adapted(Orthogonalized):
    """What AdaMuon and NorMuon have in common: the mean squares of orthogonal directions, and the length of a step."""

    nesterov: bool = False
    adjust_lr_fn: Annotated[str | None, OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))] = (
        "match_rms_adamw"
    )
    beta2: Decay = 0.95
    denominator_eps: NonNegative = 1e-8

    def lengthened(self, step):
        """Give a step the length of an orthogonal matrix, or of as many as the parameter has."""
        length = sqrt(self.numel / maximum(self.rows / self.blocks, self.columns))
        return length * step / (sqrt(total_square(step)) + self.denominator_eps)


class AdaMuon(Adapted):
    """Muon's directions divided by their root mean square, element by element, at the length of Muon's.

    Si, Zhang & Shen 2025, "AdaMuon: Adaptive Muon optimizer", algorithm 1. https://arxiv.org/abs/2507.11005
    The signs of the momentum are made orthogonal; `sign_stabilized=False` takes the momentum itself, as timm and
    pytorch_optimizer do. Everything else is as for Muon.
    Tune: AdamW's lr and weight_decay, as updates have the size of AdamW's.
    """

    sign_stabilized: bool = True

    def update(self, param, grad, momentum_buffer, exp_avg_sq: Unsigned):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        made = self.orthogonal(sign(direction) if self.sign_stabilized else direction)
        exp_avg_sq = self.beta2 * exp_avg_sq + (1 - self.beta2) * made * made
        step = made / (sqrt(exp_avg_sq) + self.denominator_eps)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * self.lengthened(step), momentum_buffer, exp_avg_sq


class NorMuon(Adapted):
    """Muon's directions divided by their root mean square, row by row, so that all neurons move equally far.

    Li et al. 2025, "NorMuon: Making Muon more efficient and scalable", algorithm 1. https://arxiv.org/abs/2510.05491
    Everything else is as for Muon.
    Tune: AdamW's lr and weight_decay, as updates have the size of AdamW's.
    """

    nesterov: bool = True

    def update(self, param, grad, momentum_buffer, second_momentum_buffer: Rows):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        made = self.orthogonal(direction)
        second_momentum_buffer = lerp(second_momentum_buffer, row_mean(made * made), 1 - self.beta2)
        step = made / (sqrt(second_momentum_buffer) + self.denominator_eps)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * self.lengthened(step), momentum_buffer, second_momentum_buffer
