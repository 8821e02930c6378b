"""Gradient descent, with momentum and with averaging."""

import torch

from ...formula import Scalar, lerp, maximum, where
from ...hyper import AnyNumber, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["ASGD", "SGD"]


class SGD(Optimizer):
    """Follow the gradient, or a running sum of gradients: momentum.

    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", equations 1 to 4, with
    the learning rate outside of the momentum, as torch.optim has it. https://proceedings.mlr.press/v28/sutskever13.html
    The first step takes the gradient whole, whatever the dampening.
    Tune: an lr about 100 times Adam's, and momentum 0.9, which multiplies the effective lr by 1 / (1 - momentum).
    """

    lr: NonNegative
    momentum: NonNegative = 0
    dampening: AnyNumber = 0
    weight_decay: NonNegative = 0
    nesterov: bool = False

    counts_steps = False
    layouts = frozenset({torch.strided, torch.sparse_coo})

    def update(self, param, grad, momentum_buffer):
        grad = l2(self, param, grad)
        if self.momentum:
            grown = self.momentum * momentum_buffer + (1 - self.dampening) * grad
            momentum_buffer = where(self.is_first_step, grad, grown)
            grad = grad + self.momentum * momentum_buffer if self.nesterov else momentum_buffer
        return param - self.lr * grad, momentum_buffer

    @classmethod
    def touches_only_gradients(cls, options):
        """Momentum moves on by itself."""
        return not options["momentum"]

    @classmethod
    def check(cls, options, where=""):
        """Nesterov's look ahead needs a momentum to look along."""
        super().check(options, where)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                "Nesterov momentum requires a momentum and zero dampening, but SGD got "
                f"momentum={options['momentum']}, dampening={options['dampening']}{where}: set momentum=0.9, say"
            )


class ASGD(Optimizer):
    """Gradient descent with a decaying rate; the state `ax` is the average of the points that it visits.

    Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging", https://doi.org/10.1137/0330046;
    the schedule is that of Bottou 2010, "Large-scale machine learning with stochastic gradient descent", section 4.2.
    The average is exact from step `t0` on; until then it follows the parameter.
    Tune: lr as for SGD; set t0 to the step after which the loss is flat, about one epoch before the end.
    """

    lr: NonNegative = 1e-2
    lambd: NonNegative = 1e-4
    alpha: NonNegative = 0.75
    t0: AnyNumber = 1e6
    weight_decay: NonNegative = 0

    torchs_numbers = frozenset({"eta", "mu"})

    def update(self, param, grad, eta: Scalar, mu: Scalar, ax):
        grad = l2(self, param, grad)
        param = param * (1 - self.lambd * eta) - eta * grad
        ax = lerp(param, ax, 1 - mu)
        eta = self.lr / (1 + self.lambd * self.lr * self.step_count) ** self.alpha
        mu = 1 / maximum(1, self.step_count - self.t0)
        return param, eta, mu, ax

    def initial_eta(self):
        """The first step is of size lr."""
        return self.lr

    def initial_mu(self):
        """The first average is the parameter."""
        return 1
