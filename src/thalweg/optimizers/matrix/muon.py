"""Momentum whose matrices are made orthogonal: every direction that they have counts as much as the largest."""

from typing import Annotated

from ...formula import lerp, maximum, orthogonalize, sqrt
from ...hyper import Coefficients, Decay, NonNegative, OneOf, Whole
from ...optimizer import Optimizer

__all__ = ["Muon"]


class Muon(Optimizer):
    """Momentum with the singular values of each matrix brought near 1: small directions learn as fast as large ones.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", with the iteration of Newton and
    Schulz in bfloat16. https://kellerjordan.github.io/posts/muon/
    `adjust_lr_fn="match_rms_adamw"` gives updates the size of AdamW's, so that its lr and weight_decay can stay: Liu et
    al. 2025, "Muon is scalable for LLM training", equation 4. https://arxiv.org/abs/2502.16982
    "spectral_unclamped" is the root of rows over columns, also below 1: torch.optim has it from version 2.15 on.
    It is for the weights between hidden layers; biases, norms, embeddings and the last layer are AdamW's. Of a tensor
    with more dimensions, as of a convolution, the first one is the rows; `batch_dims` says how many before that only
    count matrices, as of stacked experts or heads.
    Tune: lr about 0.02, and AdamW's lr with "match_rms_adamw"; momentum 0.95.
    """

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 0.1
    momentum: Decay = 0.95
    nesterov: bool = True
    ns_coefficients: Coefficients = (3.4445, -4.7750, 2.0315)
    eps: NonNegative = 1e-7
    ns_steps: Annotated[int, Whole(0, 99)] = 5
    adjust_lr_fn: Annotated[str | None, OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))] = None
    batch_dims: Annotated[int, Whole(0)] = 0

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        step = orthogonalize(direction, self.ns_coefficients, self.ns_steps, self.eps, self.batch_dims)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * step, momentum_buffer

    def size(self):
        """Give the size of an update for matrices of any shape."""
        if self.adjust_lr_fn == "match_rms_adamw":
            return 0.2 * sqrt(maximum(self.rows, self.columns))
        ratio = self.rows / self.columns
        return sqrt(ratio if self.adjust_lr_fn == "spectral_unclamped" else maximum(1, ratio))

    @classmethod
    def unfit(cls, param, options):
        """A matrix is needed."""
        if param.is_complex():
            return "Muon does not support complex parameters", f"is {param.dtype}: pass it to AdamW"
        least = 2 + options["batch_dims"]
        if param.dim() < least:
            counted = f" beside the {options['batch_dims']} of batch_dims" if least > 2 else ""
            return f"Muon only supports 2D parameters, or more dimensions{counted}", (
                f"is a parameter with size {tuple(param.shape)}: pass it to an optimizer of its own, as AdamW"
            )
        return None
