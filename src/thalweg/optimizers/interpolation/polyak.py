"""Rates from how far the loss is from its minimum, over the size of all gradients: Polyak's."""

from ...beyond_gradients.with_loss import WithLoss
from ...formula import maximum, minimum, where
from ...hyper import AnyNumber, Decay, NonNegative, Positive

__all__ = ["AliG", "PolyakSGD"]

OTHERWISE = {
    "maximize": "a loss says how far it can fall, and not how far it can rise",
    "max_tensor_norm": "the norm of all gradients is known before tensors are clipped by themselves",
    "grokfast": "the norm of all gradients is known before slow gradients are added",
    "gradient_centralization": "the norm of all gradients is known before means are taken off",
}
"""What would part the loss from the gradients that it belongs to."""


class PolyakSGD(WithLoss):
    """Gradient descent whose rate would bring the loss to its minimum, if it were linear.

    Loizou et al. 2021, "Stochastic Polyak step-size for SGD: an adaptive learning rate for fast convergence", equations
    2 and 3: SPS and SPS_max. https://arxiv.org/abs/2002.10542
    Call `step(loss=loss)`, or `step(closure)`. `f_min` is the least value that the loss of a batch can have; `c` is
    what the rate is divided by; `lr` is the largest rate, the paper's gamma_b. All groups share the loss and the norm
    of all gradients, and each has its own lr.
    Tune: c 0.5 for convex losses, 0.2 to 1 for networks; lr as large as training is stable.
    """

    lr: NonNegative = 1.0
    f_min: AnyNumber = 0.0
    c: Positive = 1.0

    counts_steps = False
    needs_grad_norm = True
    refuses = OTHERWISE

    def update(self, param, grad):
        gap = maximum(self.loss - self.f_min, 0)
        steepness = self.c * self.grad_norm * self.grad_norm
        return param - where(gap < self.lr * steepness, gap / steepness, self.lr) * grad


class AliG(WithLoss):
    """Polyak's rate for a loss whose minimum is zero, but never above lr, with Nesterov's momentum.

    Berrada, Zisserman & Kumar 2020, "Training neural networks for and by interpolation", algorithm 1, without a
    constraint. https://arxiv.org/abs/1906.05661
    Call `step(loss=loss)`, or `step(closure)`. `lr` is the largest rate, the paper's eta, and needs no schedule. All
    groups share the loss and the norm of all gradients. A loss that is to fall to zero may not contain penalties of the
    weights: the authors keep weights in a ball, by a projection after each step.
    Tune: lr from 0.1 to 10, by factors of 10, and momentum 0.9.
    """

    lr: NonNegative = 0.1
    momentum: Decay = 0.0
    eps: NonNegative = 1e-5

    spellings = {"max_lr": "lr"}
    counts_steps = False
    needs_grad_norm = True
    refuses = OTHERWISE

    def update(self, param, grad, momentum_buffer):
        rate = minimum(maximum(self.loss, 0) / (self.grad_norm * self.grad_norm + self.eps), self.lr)
        step = rate * grad
        if self.momentum:
            momentum_buffer = self.momentum * momentum_buffer - step
            step = step - self.momentum * momentum_buffer
        return param - step, momentum_buffer
