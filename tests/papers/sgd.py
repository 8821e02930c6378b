"""Stochastic gradient descent: with momentum, and with averaging."""

from .reference import of


@of("SGD")
def sgd(theta, gradients, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    """Heavy ball, and Nesterov's accelerated gradient.

    Sutskever, Martens, Dahl & Hinton 2013, "On the importance of initialization and momentum in deep
    learning", section 2, but with lr outside the velocity and theta at the point looked ahead to, as torch
    has it. https://proceedings.mlr.press/v28/sutskever13.html
    """
    b = None
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        b = g if b is None else momentum * b + (1 - dampening) * g  # the first gradient enters undampened
        if nesterov:
            theta -= lr * (g + momentum * b)
        else:
            theta -= lr * (b if momentum else g)
        yield theta


@of("ASGD")
def asgd(theta, gradients, *, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False):
    """Averaged SGD: the iterate, which does not depend on the average, nor therefore on t0.

    Polyak & Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging", for the averaging
    https://doi.org/10.1137/0330046, with the decay and the step sizes eta of Bottou's sgd-2.0 (2011)
    https://leon.bottou.org/projects/sgd
    """
    eta = lr
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        theta = (1 - lambd * eta) * theta - eta * g
        yield theta
        eta = lr / (1 + lambd * lr * t) ** alpha


def asgd_average(theta, gradients, *, t0=1e6, **options):
    """Averaged SGD: the average, which is the iterate itself up to and including step t0 + 2."""
    average, mu = 0.0, 1.0
    for t, x in enumerate(asgd(theta, gradients, **options), 1):
        average = (1 - mu) * average + mu * x
        yield average
        mu = 1 / max(1, t - t0)
