"""Many ideas in one rule."""

from dataclasses import KW_ONLY
from typing import Annotated

from ...formula import Unsigned, clamp, maximum, minimum, row_mean, row_total, sqrt, total, total_square, where
from ...hyper import Betas, Count, Fraction, NonNegative, Number, Positive, Range
from ...optimizer import Optimizer
from ..elementwise.positive_negative import positive_negative

__all__ = ["Ranger21"]


class Ranger21(Optimizer):
    """AdamW with clipped and centralized gradients, positive and negative momenta, and a decay towards a norm of 1.

    Wright & Demeure 2021, "Ranger21: a synergistic deep learning optimizer", with norms by rows, and with the decay of
    the second author's code for JAX. https://arxiv.org/abs/2106.13731
    Gradients are clipped, and then their mean is taken off. `tau` is how long the gradient of a row may be, as a share
    of the norm of its weights (the first dimension are the rows); `eps_clipping` is the least norm that weights count
    as there. `beta0` is the share of the negative momentum. Rows decay towards a norm of 1, by a share that is divided
    by the root of the parameter's mean square. `total_steps` are those of the run, in which the rate rises and falls,
    or None for a schedule of one's own; `warmup` is the share of a run in which it rises, unless betas[1] lets it rise
    faster; `warmdown` is the share in which it falls to zero.
    Tune: as AdamW, with total_steps in place of a schedule; weight_decay 1e-4.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    beta0: NonNegative = 0.9
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-4
    tau: Positive = 1e-2
    eps_clipping: NonNegative = 1e-3
    total_steps: Count | None = None
    warmup: Annotated[Number, Range(1e-6, 1)] = 0.22
    warmdown: Annotated[Number, Range(1e-6, 1)] = 0.28
    _: KW_ONLY
    lookahead: Count | None = 5
    lookahead_alpha: Fraction = 0.5

    spellings = {"num_iterations": "total_steps", "agc_clipping_value": "tau", "agc_eps": "eps_clipping"}
    refuses = {
        "decoupled_weight_decay": "its weights decay apart from the gradient already, by a share of their own",
        "gradient_centralization": "it centralizes gradients itself, once they are clipped",
    }

    def update(self, param, grad, exp_avg, prev_exp_avg, exp_avg_sq: Unsigned, max_exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        size = self.norm(param)
        grad = self.centralized(self.clipped(size, grad))
        newest = beta1**2 * prev_exp_avg + (1 - beta1**2) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
        m_hat = positive_negative(self.beta0, newest, exp_avg) / (1 - beta1**self.step_count)
        v_hat = max_exp_avg_sq / (1 - beta2**self.step_count)
        step = m_hat / (sqrt(v_hat) + self.eps)
        if self.weight_decay:
            step = step + self.weight_decay * self.pull(size, v_hat) * param
        return param - self.lr * self.schedule() * step, newest, exp_avg, exp_avg_sq, max_exp_avg_sq

    def norm(self, x):
        """Give the norm of each row, or of a vector as a whole."""
        return sqrt(row_total(x * x)) if self.is_matrix else sqrt(total_square(x))

    def clipped(self, size, grad):
        """Shorten gradients that are long beside their weights."""
        longest, length = self.tau * maximum(size, self.eps_clipping), self.norm(grad)
        return where(length > longest, longest / length, 1) * grad

    def centralized(self, grad):
        """Take the mean off each row."""
        return grad - row_mean(grad) if self.is_matrix else grad

    def pull(self, size, v_hat):
        """Say by how much a row decays: less than nothing if its norm is below 1, and more if gradients are small."""
        mean = total(v_hat) / self.numel
        return where(size > 0, 1 - 1 / size, 0) * where(mean > 0, 1 / sqrt(mean), 0)

    def schedule(self):
        """Give the share of the rate: it rises, stays, and falls."""
        if self.total_steps is None:
            return 1
        done = self.step_count / self.total_steps
        rising = maximum((1 - self.betas[1]) / 2 * self.step_count, done / self.warmup)
        return clamp(minimum(rising, (1 - done) / self.warmdown), 0, 1)
