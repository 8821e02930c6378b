"""Rates that fall where gradients were large: sums and running means of squares."""

import torch

from ...formula import Unsigned, maximum, sqrt
from ...hyper import Fraction, NonNegative
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["AdaDelta", "Adadelta", "Adagrad", "Kate", "RMSProp", "RMSpropTF"]


class Adagrad(Optimizer):
    """Divide by the root of the sum of all squared gradients: rare features keep large steps.

    Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization",
    figure 1 with diagonal matrices. https://jmlr.org/papers/v12/duchi11a.html
    Tune: an lr about 10 times Adam's, without a schedule; it is the size of the first step.
    """

    lr: NonNegative = 1e-2
    lr_decay: NonNegative = 0
    weight_decay: NonNegative = 0
    initial_accumulator_value: NonNegative = 0
    eps: NonNegative = 1e-10

    keeps_state_from_start = True
    layouts = frozenset({torch.strided, torch.sparse_coo})

    def update(self, param, grad, sum: Unsigned):
        grad = l2(self, param, grad)
        sum = sum + grad * grad
        rate = self.lr / (1 + (self.step_count - 1) * self.lr_decay)
        return param - rate * grad / (sqrt(sum) + self.eps), sum

    def share_memory(self):
        """Move the states to memory that processes share: with parameters there, several may step (Hogwild)."""
        for state in self.state.values():
            for value in state.values():
                value.share_memory_()

    def initial_sum(self):
        """The sum may start above zero, for smaller first steps."""
        return self.initial_accumulator_value


class RMSProp(Optimizer):
    """Divide by the root of a running mean of squares, or with `centered` by the root of the variance.

    Tieleman & Hinton 2012, "Lecture 6.5: RMSProp", https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf;
    centered: Graves 2013, "Generating sequences with recurrent neural networks", equations 38 to 45,
    https://arxiv.org/abs/1308.0850
    Tune: like Adam without bias correction; the first steps are up to 1 / sqrt(1 - alpha) times larger.
    """

    lr: NonNegative = 1e-2
    alpha: Fraction = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    momentum: NonNegative = 0
    centered: bool = False

    spellings = {"rho": "alpha"}

    def update(self, param, grad, square_avg: Unsigned, grad_avg, momentum_buffer):
        grad = l2(self, param, grad)
        square_avg = self.alpha * square_avg + (1 - self.alpha) * grad * grad
        variance = square_avg
        if self.centered:
            grad_avg = self.alpha * grad_avg + (1 - self.alpha) * grad
            variance = maximum(square_avg - grad_avg * grad_avg, 0)  # rounding can take it below zero
        step = grad / (sqrt(variance) + self.eps)
        if self.momentum:
            momentum_buffer = self.momentum * momentum_buffer + step
            step = momentum_buffer
        return param - self.lr * step, square_avg, grad_avg, momentum_buffer


class RMSpropTF(Optimizer):
    """RMSProp as TensorFlow has it: eps inside of the root, mean squares that start at 1, and lr inside the momentum.

    Tieleman & Hinton 2012, "Lecture 6.5: RMSProp", https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf;
    the details are those of https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/train/RMSPropOptimizer, which
    recipes for EfficientNet and MobileNet are tuned for.
    Tune: keep a recipe's numbers; its eps, under the root, is often 1e-3.
    """

    lr: NonNegative = 1e-2
    alpha: Fraction = 0.9
    eps: NonNegative = 1e-10
    weight_decay: NonNegative = 0
    momentum: NonNegative = 0
    centered: bool = False

    def update(self, param, grad, square_avg: Unsigned, grad_avg, momentum_buffer):
        grad = l2(self, param, grad)
        square_avg = self.alpha * square_avg + (1 - self.alpha) * grad * grad
        variance = square_avg
        if self.centered:
            grad_avg = self.alpha * grad_avg + (1 - self.alpha) * grad
            variance = maximum(square_avg - grad_avg * grad_avg, 0)  # rounding can take it below zero
        step = self.lr * grad / sqrt(variance + self.eps)
        if self.momentum:
            momentum_buffer = self.momentum * momentum_buffer + step
            step = momentum_buffer
        return param - step, square_avg, grad_avg, momentum_buffer

    def initial_square_avg(self):
        """As if a gradient of 1 had been seen."""
        return 1


class AdaDelta(Optimizer):
    """Measure the gradient in units of past gradients, and the step in units of past steps: no rate to tune.

    Zeiler 2012, "ADADELTA: An adaptive learning rate method", algorithm 1. https://arxiv.org/abs/1212.5701
    Tune: leave lr at 1; eps sets the size of the first steps: larger starts faster.
    """

    rho: Fraction = 0.9
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0
    lr: NonNegative = 1.0

    def update(self, param, grad, square_avg: Unsigned, acc_delta: Unsigned):
        grad = l2(self, param, grad)
        square_avg = self.rho * square_avg + (1 - self.rho) * grad * grad
        delta = sqrt(acc_delta + self.eps) / sqrt(square_avg + self.eps) * grad
        acc_delta = self.rho * acc_delta + (1 - self.rho) * delta * delta
        return param - self.lr * delta, square_avg, acc_delta


class Adadelta(AdaDelta):
    """AdaDelta with its options in torch.optim's order.

    Zeiler 2012, "ADADELTA: An adaptive learning rate method", algorithm 1. https://arxiv.org/abs/1212.5701
    """

    lr: NonNegative = 1.0
    rho: Fraction = 0.9
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0


class Kate(Optimizer):
    """Adagrad without the root: steps are the same whatever units the data has, and each weight's fall as slowly.

    Choudhury et al. 2024, "Remove that square root: A new efficient scale-invariant version of AdaGrad", algorithm 1,
    with eps beside the sum of squares, as in the authors' code. https://arxiv.org/abs/2403.02648
    `eta` is the share of the squared gradients in the numerator: with 0, scale does not matter at all.
    Tune: lr 1e-3 or less, and eta 0, or up to 0.1.
    """

    lr: NonNegative = 1e-3
    eta: NonNegative = 0.0
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    counts_steps = False
    precise = frozenset({"square_sum", "numerator_sum"})  # a step is divided by the sum itself, and not by its root

    def update(self, param, grad, square_sum: Unsigned, numerator_sum: Unsigned):
        grad = l2(self, param, grad)
        square = grad * grad
        square_sum = square_sum + square
        numerator_sum = numerator_sum + self.eta * square + square / (square_sum + self.eps)
        return param - self.lr * sqrt(numerator_sum) * grad / (square_sum + self.eps), square_sum, numerator_sum
