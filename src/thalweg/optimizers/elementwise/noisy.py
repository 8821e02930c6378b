"""Gradients with noise, which leads out of narrow valleys."""

from ...formula import noise, sqrt
from ...hyper import NonNegative
from ...optimizer import Optimizer

__all__ = ["NoisySGD"]


class NoisySGD(Optimizer):
    """Gradient descent with normal noise in the gradients, which becomes smaller from step to step.

    Neelakantan et al. 2015, "Adding gradient noise improves learning for very deep networks", section 3.
    https://arxiv.org/abs/1511.06807
    The noise of step t has a variance of `eta` / t**`gamma`. It depends on `seed`, the parameter, the step and the
    element alone, so that a run that was stopped and resumed meets the same noise.
    Tune: eta 0.01, 0.3 or 1, as the authors tried; gamma 0.55.
    """

    lr: NonNegative = 1e-2
    eta: NonNegative = 0.01
    gamma: NonNegative = 0.55

    def update(self, param, grad):
        grad = grad + sqrt(self.eta / self.step_count**self.gamma) * noise(self, grad)
        return param - self.lr * grad
