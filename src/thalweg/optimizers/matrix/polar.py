"""Momentum as the orthogonal matrix that is nearest: by singular values, or with their sum as the size of a step."""

from __future__ import annotations

from typing import Annotated

from ...formula import COEFFICIENTS, lerp, maximum, orthogonalize, polar, sqrt, total
from ...hyper import Decay, NonNegative, OneOf, Threes, Whole
from ..routing.whole_model import WholeModel
from .blockwise import Blockwise

__all__ = ["MOP", "SPEL", "PolarGrad"]

ADJUSTED = OneOf((None, "original", "match_rms_adamw", "spectral_unclamped"))


class MOP(Blockwise):
    """Muon without its iteration: the polar factor of the momentum itself, by its singular values.

    Amsel et al. 2025, "The Polar Express", section 1, for what Muon's iteration comes near to; called MOP, momentum
    orthogonalized by polar decomposition, in NVIDIA's Emerging-Optimizers. https://arxiv.org/abs/2505.16932
    There is no step in directions in which the momentum is zero, such as those of a dead neuron. There is none either
    if singular values cannot be computed, and `metrics["failed_decompositions"]` counts that. A step costs several
    times as much as Muon's. `adjust_lr_fn` is Muon's, and like Muon it takes a whole model.
    Tune: AdamW's lr, as updates have the size of AdamW's.
    """

    lr: NonNegative = 3e-4
    weight_decay: NonNegative = 0.01
    momentum: Decay = 0.95
    nesterov: bool = False
    adjust_lr_fn: Annotated[str | None, ADJUSTED] = "match_rms_adamw"

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * self.size() * polar(direction), momentum_buffer

    def size(self):
        """Give the size of an update for matrices of any shape."""
        if self.adjust_lr_fn == "match_rms_adamw":
            return 0.2 * sqrt(maximum(self.rows, self.columns))
        ratio = self.rows / self.columns
        return sqrt(ratio if self.adjust_lr_fn == "spectral_unclamped" else maximum(1, ratio))


class PolarGrad(WholeModel):
    """Muon's direction, as long as the sum of the momentum's singular values: steps shrink when gradients do.

    Lau, Long & Su 2025, "PolarGrad: A class of matrix-gradient optimizers from a unifying preconditioning perspective",
    algorithm 1, momentum first. https://arxiv.org/abs/2505.21799
    The polar factor comes from Muon's iteration, and the sum of the singular values is its product with the momentum,
    over all elements. `eps`, `ns_coefficients`, `ns_steps`, and that a whole model is taken, are as for Muon.
    Tune: lr far from Muon's, as it is multiplied by the sum of the singular values: begin at 1e-4 and go upwards.
    """

    lr: NonNegative = 3e-4
    weight_decay: NonNegative = 0.01
    momentum: Decay = 0.95
    nesterov: bool = False
    ns_coefficients: Annotated[object, Threes(tuple(COEFFICIENTS))] = "quintic"
    eps: NonNegative = 1e-7
    ns_steps: Annotated[int, Whole(0, 99)] = 5

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        made = orthogonalize(direction, self.ns_coefficients, self.ns_steps, self.eps, self.batch_dims, self.blocks)
        param = param * (1 - self.lr * self.weight_decay)
        return param - self.lr * total(made * direction) * made, momentum_buffer

    @classmethod
    def unfit(cls, param, options):
        """The sum of the singular values is one number for a parameter, so that this must be one matrix."""
        return several(cls, options, ("batch_dims", "blocks")) or super().unfit(param, options)

    @classmethod
    def adamw_rate(cls, options):
        """Let AdamW have its own learning rate."""
        return 1e-3


class SPEL(WholeModel):
    """Muon for weights that stay orthogonal: after each step they are replaced by the nearest orthogonal matrix.

    Yang et al. 2026, "Manifold constrained steepest descent", the spectral norm on Stiefel's manifold.
    https://arxiv.org/abs/2601.21487
    The step is Muon's direction without a factor; the weights' polar factor is found by their singular values, to the
    precision of the weights. The first step makes weights orthogonal if they were not. Weight decay is a step of its
    own before it. `eps`, `ns_coefficients`, `ns_steps`, and that a whole model is taken, are as for Muon.
    Tune: begin with `torch.nn.init.orthogonal_`; lr is an angle, 0.01 to 0.05.
    """

    lr: NonNegative = 1e-2
    weight_decay: NonNegative = 0.0
    momentum: Decay = 0.95
    nesterov: bool = False
    ns_coefficients: Annotated[object, Threes(tuple(COEFFICIENTS))] = "quintic"
    eps: NonNegative = 1e-7
    ns_steps: Annotated[int, Whole(0, 99)] = 5

    counts_steps = False
    refuses = {
        "hyperball": "its weights have one norm already, that of an orthogonal matrix",
        "cautious": "a masked step leaves the manifold in another direction than the paper's",
    }

    def update(self, param, grad, momentum_buffer):
        momentum_buffer = lerp(momentum_buffer, grad, 1 - self.momentum)
        direction = lerp(grad, momentum_buffer, self.momentum) if self.nesterov else momentum_buffer
        step = orthogonalize(direction, self.ns_coefficients, self.ns_steps, self.eps, self.batch_dims, self.blocks)
        return polar(param * (1 - self.lr * self.weight_decay) - self.lr * step), momentum_buffer

    @classmethod
    def unfit(cls, param, options):
        """Rows of one matrix are orthogonal to each other, and so not cut into blocks."""
        return several(cls, options, ("blocks",)) or super().unfit(param, options)

    @classmethod
    def adamw_rate(cls, options):
        """Let AdamW have its own learning rate."""
        return 1e-3


def several(cls, options, names):
    """Say that a parameter is one matrix, where options make it more."""
    more = [name for name in names if options[name] > (name == "blocks")]
    if options["use_muon"] is False or not more:
        return None
    given = " and ".join(f"{name}={options[name]}" for name in more)
    return f"{cls.__name__} takes each parameter as one matrix", f"is to be several, by {given}: leave that out"
