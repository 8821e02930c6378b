"""Steps of one size in the norm that suits a layer: the farthest point of a ball in the direction of the momentum."""

from __future__ import annotations

from typing import Annotated

from ...formula import COEFFICIENTS, column_total, lerp, orthogonalize, row_total, sign, sqrt, total_square
from ...hyper import Count, Decay, NonNegative, OneOf, Positive, Threes, Whole
from .real import RealOptimizer

__all__ = ["Scion"]


class Scion(RealOptimizer):
    """Steps given by the point of a ball that lies farthest along the momentum, in a norm that suits the layer.

    Pethick et al. 2025, "Training deep learning models with norm-constrained LMOs", algorithms 1 and 2 (Scion and
    unconstrained Scion), with the balls of its table 2. https://arxiv.org/abs/2502.07529
    `norm` says which ball: "spectral" makes a matrix orthogonal, times the root of outputs over inputs (in a
    convolution, also over the number of its places); "sign" takes signs, over inputs; "column" brings each column to a
    root mean square of 1, for first layers; "embedding" does that with each row, for `nn.Embedding`; "row" brings each
    row to a length of 1 over the root of inputs, for last layers; "rms" brings all of a parameter to a root mean square
    of 1.
    "auto" is "spectral" for what has rows and columns, and "rms" for vectors.

    `scale` is the radius. `constrained` keeps weights in the ball, by a decay of lr. `momentum` is the share of the old
    mean: the paper's alpha is 1 - momentum. The size of gradients does not matter, so `momentum` kept in p.grad, as
    "ScionLight" does, gives the same steps. `eps`, and the iteration's options, are as for Muon.
    Tune: lr 2**-12 or so with scale 50 for hidden layers, and 3000 with norm="sign" for the last one, in groups.
    """

    lr: NonNegative = 1e-3
    momentum: Decay = 0.9
    norm: Annotated[str, OneOf(("auto", "spectral", "sign", "column", "row", "embedding", "rms"))] = "auto"
    scale: Positive = 1.0
    constrained: bool = False
    ns_coefficients: Annotated[object, Threes(tuple(COEFFICIENTS))] = (3.4445, -4.7750, 2.0315)
    ns_steps: Annotated[int, Whole(0, 99)] = 5
    eps: NonNegative = 1e-8
    batch_dims: Annotated[int, Whole(0)] = 0
    blocks: Count = 1

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        param = param * (1 - self.lr) if self.constrained else param
        return param - self.lr * self.scale * self.farthest(momentum_buffer), momentum_buffer

    @classmethod
    def unfit(cls, param, options):
        """Real numbers are needed, and rows and columns for all norms but one."""
        if fault := super().unfit(param, options):
            return fault
        if options["norm"] in ("auto", "rms") or cls.sides(tuple(param.shape), options):
            return None
        return f"norm={options['norm']!r} is for matrices", (
            f"has shape {tuple(param.shape)}: choose norm='rms', or 'auto', in a group of its own"
        )

    def farthest(self, x):
        """Find the farthest point of the ball in a direction."""
        if self.norm == "rms" or not self.is_matrix:
            return x / (sqrt(total_square(x) / self.numel) + self.eps)
        if self.norm == "sign":
            return sign(x) / self.columns
        if self.norm == "column":
            return x / (sqrt(column_total(x * x) / self.rows) + self.eps)
        if self.norm == "embedding":
            return x / (sqrt(row_total(x * x) / self.columns) + self.eps)
        if self.norm == "row":
            return x / (sqrt(row_total(x * x) * self.columns) + self.eps)
        made = orthogonalize(x, self.ns_coefficients, self.ns_steps, self.eps, self.batch_dims, self.blocks)
        places = self.columns / self.shape[int(self.batch_dims) + 1]
        return sqrt(self.rows / self.blocks * places / self.columns) / places * made
