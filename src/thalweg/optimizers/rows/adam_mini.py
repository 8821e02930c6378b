"""Adam with one mean of squares for many elements: half of its memory is saved."""

from typing import Annotated

from ...formula import Rows, Scalar, Unsigned, lerp, row_mean, sqrt, total_square
from ...hyper import Betas, NonNegative, OneOf
from ...optimizer import Optimizer

__all__ = ["AdamMini"]


class AdamMini(Optimizer):
    """Adam with one mean square for each block of elements: a row, a whole tensor, or a single element.

    Zhang et al. 2025, "Adam-mini: use fewer learning rates to gain more", algorithm 1. https://arxiv.org/abs/2406.16793
    The paper takes as `blocks` "rows" (a neuron's weights, the first dimension being neurons) for embeddings, outputs,
    values, projections and feed-forward layers; heads for queries and keys, which are rows of a parameter of shape
    (heads, size, inputs); the whole "tensor" for what else there is; and "elements", which is AdamW, for embeddings of
    models that are not transformers. So give groups their own, as `{"params": ..., "blocks": "tensor"}`. Vectors keep
    a number for each element under "rows".
    Tune: AdamW's lr and weight_decay.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    blocks: Annotated[str, OneOf(("rows", "tensor", "elements"))] = "rows"

    for_complex = "Adam"

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, row_sq: Rows, tensor_sq: Scalar):
        beta1, beta2 = self.betas
        exp_avg = lerp(exp_avg, grad, 1 - beta1)
        if self.blocks == "tensor":
            mean = tensor_sq = lerp(tensor_sq, total_square(grad) / self.numel, 1 - beta2)
        elif self.blocks == "rows" and self.is_matrix:
            mean = row_sq = lerp(row_sq, row_mean(grad * grad), 1 - beta2)
        else:
            mean = exp_avg_sq = lerp(exp_avg_sq, grad * grad, 1 - beta2)
        size = sqrt(mean) / sqrt(1 - beta2**self.step_count) + self.eps
        step = exp_avg / (1 - beta1**self.step_count) / size
        param = param * (1 - self.lr * self.weight_decay) - self.lr * step
        return param, exp_avg, exp_avg_sq, row_sq, tensor_sq
