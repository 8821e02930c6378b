"""Rates of weights that have a root mean square of 1 over the model, so that lr alone says how far steps go."""

from typing import Any, ClassVar

from ...formula import Unsigned, maximum, sqrt, total, total_square, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer

__all__ = ["AvaGrad"]


class AvaGrad(Optimizer):
    """Momentum with Adam's rates as the last step left them, divided by their root mean square over the model.

    Savarese et al. 2021, "Domain-independent dominance of adaptive methods", algorithm 2, with Adam's bias corrections,
    as in the authors' code. https://arxiv.org/abs/1912.01823
    The first step is that of gradient descent, as all rates are the same.
    Tune: lr as for SGD; eps says how adaptive it is, apart from lr: 0.1 for images, 1e-8 for language.
    """

    lr: NonNegative = 1e-1
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-1
    weight_decay: NonNegative = 0

    rate_size: ClassVar[Any]

    measures = ("rate_square", "elements")
    learned = ("rate_size",)

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = grad + self.weight_decay * param
        rate = 1 / (sqrt(exp_avg_sq / (1 - beta2 ** maximum(self.step_count - 1, 1))) + self.eps)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        step = where(self.is_first_step, m_hat, rate / self.rate_size * m_hat)
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        next_rate = 1 / (sqrt(exp_avg_sq / (1 - beta2**self.step_count)) + self.eps)
        param = param - self.lr * step
        return param, exp_avg, exp_avg_sq, total_square(next_rate), total(exp_avg_sq >= 0)

    @classmethod
    def start(cls, options):
        """Begin with rates of 1."""
        return {"rate_size": 1.0}

    def learn(self, rate_square, elements):
        """Take the root mean square of the rates."""
        return {"rate_size": where(elements > 0, sqrt(rate_square / elements), self.rate_size)}
