"""Natural gradients, with a diagonal Fisher information."""

from ...formula import Unsigned, maximum, minimum, sqrt, total_square, where
from ...hyper import Betas, NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["FAdam"]


class FAdam(Optimizer):
    """Momentum of clipped natural gradients, with a decay that is a natural gradient, too.

    Hwang 2024, "FAdam: Adam is a natural gradient optimizer using diagonal empirical Fisher information", algorithm 1
    with p = 1/2. https://arxiv.org/abs/2405.12807
    Gradients and weights are divided by the root of the mean square, and shortened to a root mean square of `clip`.
    The number that is added to the root is `eps`, or `eps_2` times the gradient's root mean square if that is less.
    Tune: as AdamW, without max_grad_norm; weight_decay 0.1 or less.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-1
    clip: Positive = 1.0
    eps_2: NonNegative = 1e-2

    refuses = {"decoupled_weight_decay": "its weights decay apart from the gradient already, divided as gradients are"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        weight2 = (1 - beta2) / (1 - beta2**self.step_count)
        exp_avg_sq = (1 - weight2) * exp_avg_sq + weight2 * grad * grad
        size = self.root_mean_square(grad)
        root = sqrt(exp_avg_sq) + where(size > 0, minimum(self.eps, self.eps_2 * size), self.eps)
        exp_avg = beta1 * exp_avg + (1 - beta1) * self.clipped(grad / root)
        step = exp_avg
        if self.weight_decay:
            step = step + self.weight_decay * self.clipped(param / root)
        return param - self.lr * step, exp_avg, exp_avg_sq

    def clipped(self, x):
        """Shorten to the bound what is longer."""
        return x / maximum(self.root_mean_square(x) / self.clip, 1)

    def root_mean_square(self, x):
        """Take the root of the mean square over the whole parameter."""
        return sqrt(total_square(x) / self.numel)
