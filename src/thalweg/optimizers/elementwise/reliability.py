"""Steps along means of the gradient, by how reliable they are."""

from ...formula import Unsigned, maximum, minimum, sqrt, where
from ...hyper import Decay, NonNegative, Positive
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["MSVAG", "VSGD"]

LARGEST_SHARE = 0.999
"""One gradient alone has no variance to speak of; the authors' bound keeps it from being divided by zero."""

SURPLUS = 1e-4
"""By how much the authors' code makes the prior of a variance stronger, so that its mean exists."""


class MSVAG(Optimizer):
    """Momentum, each weight's times how much of its mean square is mean and not variance: short steps where it varies.

    Balles & Hennig 2018, "Dissecting Adam: The sign, magnitude and variance of stochastic gradients", algorithm 2
    (M-SVAG). https://arxiv.org/abs/1705.07774
    `beta` is the share of the old running means, of gradients and of their squares, that stays in each step.
    Tune: lr as for SGD with momentum, times 1 / (1 - beta).
    """

    lr: NonNegative = 1e-2
    beta: Decay = 0.9
    weight_decay: NonNegative = 0

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        grad = l2(self, param, grad)
        exp_avg = self.beta * exp_avg + (1 - self.beta) * grad
        exp_avg_sq = self.beta * exp_avg_sq + (1 - self.beta) * grad * grad
        left = self.beta**self.step_count
        m_hat, v_hat = exp_avg / (1 - left), exp_avg_sq / (1 - left)
        rho = (1 - self.beta) * (1 + left) / ((1 + self.beta) * (1 - left))
        rho = minimum(rho, LARGEST_SHARE)
        square = m_hat * m_hat
        # A single gradient has no variance, but for rounding, which would be divided by nearly zero.
        variance = where(self.is_first_step, 0 * square, maximum(v_hat - square, 0) / (1 - rho))
        reliable = where(square > 0, square / (square + rho * variance), 0 * square)
        return param - self.lr * reliable * m_hat, exp_avg, exp_avg_sq


class VSGD(Optimizer):
    """A mean of gradients that weighs each new one by how noisy gradients are, and steps of lr where it is certain.

    Chen et al. 2025, "Variational stochastic gradient descent for deep neural networks", algorithm 1, as in the
    authors' code. https://arxiv.org/abs/2404.06549
    It estimates how much the true gradient changes, and how far seen gradients are from it. `ghattg` is the ratio of
    the second to the first that is assumed at first, and `ps` how strongly; in each step, the newest values weigh
    step**-`tau1` and step**-`tau2` in the two estimates.
    Tune: lr as for Adam or larger, from 0.01 to 0.1, and leave the other options as they are.
    """

    lr: NonNegative = 1e-1
    ghattg: Positive = 30.0
    ps: Positive = 1e-8
    tau1: NonNegative = 0.81
    tau2: NonNegative = 0.9
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    precise = frozenset({"change", "noise"})

    def update(self, param, grad, mean, change: Unsigned, noise: Unsigned):
        grad = l2(self, param, grad)
        strength = where(self.is_first_step, 2 * self.ps + SURPLUS, 2 * self.ps + 1 + SURPLUS)
        of_mean, of_grad = noise / strength, change / strength
        newest = (of_mean * mean + of_grad * grad) / (of_mean + of_grad)
        variance = of_mean * of_grad / (of_mean + of_grad)
        new_change = 2 * self.ps + variance + (newest - mean) * (newest - mean)
        new_noise = 2 * self.ghattg * self.ps + variance + (newest - grad) * (newest - grad)
        share1, share2 = self.step_count**-self.tau1, self.step_count**-self.tau2
        change = (1 - share1) * change + share1 * new_change
        noise = (1 - share2) * noise + share2 * new_noise
        step = newest / (sqrt(newest * newest + variance) + self.eps)
        return param - self.lr * step, newest, change, noise

    def initial_change(self):
        """What is assumed of how much the true gradient changes."""
        return 2 * self.ps

    def initial_noise(self):
        """What is assumed of how far seen gradients are from the true one."""
        return 2 * self.ghattg * self.ps
