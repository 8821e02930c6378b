"""Steps measured by one norm of the whole parameter, or of its gradient."""

from ...formula import Scalar, sqrt, total_square, where
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer
from .trust_ratio import norm, ratio

__all__ = ["Fromage", "NovoGrad"]


class Fromage(Optimizer):
    """Each parameter turns by an angle of lr, whatever the size of its gradient, and is scaled back by its growth.

    Bernstein et al. 2020, "On the distance between two neural networks and the stability of learning", algorithm 1.
    https://arxiv.org/abs/2002.03432
    If the parameter or its gradient is zero, the step is that of gradient descent.
    Tune: lr 0.01, which fits most networks, and less later on.
    """

    lr: NonNegative = 1e-2

    counts_steps = False

    def update(self, param, grad):
        turned = param - self.lr * ratio(norm(param), norm(grad)) * grad
        return turned / sqrt(1 + self.lr * self.lr)


class NovoGrad(Optimizer):
    """Momentum of gradients that are divided by a running mean of their norm: one second moment for each parameter.

    Ginsburg et al. 2019, "Stochastic gradient methods with layer-wise adaptive moments for training of deep networks",
    algorithm 1. https://arxiv.org/abs/1905.11286
    Decay goes into the momentum. `grad_averaging` takes the mean in place of the sum, from the first
    gradient on.
    Tune: lr 10 times Adam's; a warm-up matters less.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.95, 0.98)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    grad_averaging: bool = False

    counts_steps = False

    def update(self, param, grad, exp_avg, exp_avg_sq: Scalar):
        beta1, beta2 = self.betas
        square = total_square(grad)
        exp_avg_sq = where(self.is_first_step, square, beta2 * exp_avg_sq + (1 - beta2) * square)
        direction = grad / (sqrt(exp_avg_sq) + self.eps)
        if self.weight_decay:
            direction = direction + self.weight_decay * param
        if self.grad_averaging:
            direction = (1 - beta1) * direction
        exp_avg = beta1 * exp_avg + direction
        return param - self.lr * exp_avg, exp_avg, exp_avg_sq
