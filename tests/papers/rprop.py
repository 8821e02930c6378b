"""Steps from the sign of the gradient: for full batches, and for mini-batches."""

import math

from .reference import of


@of("RProp")
def rprop(theta, gradients, *, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0), maximize=False):
    """Resilient propagation: iRprop⁻, in which a gradient that changed its sign counts as zero.

    Igel & Hüsken 2000, "Improving the Rprop Learning Algorithm", after Riedmiller & Braun 1993, "A direct
    adaptive method for faster backpropagation learning: the RPROP algorithm".
    https://doi.org/10.1109/ICNN.1993.298623
    """
    (eta_minus, eta_plus), (delta_min, delta_max) = etas, step_sizes
    delta, previous = lr, 0.0
    for g in gradients:
        g = -g if maximize else g
        agreement = g * previous
        eta = eta_plus if agreement > 0 else eta_minus if agreement < 0 else 1.0
        delta = min(max(eta * delta, delta_min), delta_max)  # also at the first step, as in torch
        g = 0.0 if agreement < 0 else g
        theta -= delta * ((g > 0) - (g < 0))
        previous = g
        yield theta


@of("RMSProp")
def rmsprop(
    theta,
    gradients,
    *,
    lr=1e-2,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0.0,
    momentum=0.0,
    centered=False,
    maximize=False,
):
    """RMSProp: the gradient over a running root mean square, or over a running standard deviation.

    Tieleman & Hinton 2012, "Lecture 6.5 - rmsprop: Divide the gradient by a running average of its recent
    magnitude". https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    Centered: Graves 2013, "Generating Sequences With Recurrent Neural Networks", equations 38 to 41, but eps
    outside the root and lr outside the momentum, as torch has it. https://arxiv.org/abs/1308.0850
    """
    n = m = b = 0.0  # E[g²], E[g], the momentum
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        n = alpha * n + (1 - alpha) * g * g
        m = alpha * m + (1 - alpha) * g
        variance = max(n - m * m, 0.0) if centered else n  # never negative but by rounding
        b = momentum * b + g / (math.sqrt(variance) + eps)
        theta -= lr * b
        yield theta
