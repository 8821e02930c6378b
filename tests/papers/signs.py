"""Steps that have the sign of a momentum, and one size."""

from fractions import Fraction

from .reference import of


def sign(x):
    return (x > 0) - (x < 0)


@of("Lion")
def lion(theta, gradients, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
    """Evolved sign momentum.

    Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", program 1. https://arxiv.org/abs/2302.06675
    """
    (beta1, beta2), m = betas, 0.0
    for g in gradients:
        g = -g if maximize else g
        c = beta1 * m + (1 - beta1) * g
        theta = (1 - lr * weight_decay) * theta - lr * sign(c)
        m = beta2 * m + (1 - beta2) * g
        yield theta


@of("SignSGD")
def sign_sgd(
    theta, gradients, *, lr=1e-3, momentum=0.0, weight_decay=0.0, decoupled_weight_decay=False, maximize=False
):
    """The sign of the gradient (momentum 0, algorithm 1), or of its mean (algorithm 2).

    Bernstein, Wang, Azizzadenesheli & Anandkumar 2018, "signSGD: Compressed Optimisation for Non-Convex Problems".
    https://arxiv.org/abs/1802.04434
    """
    m = 0.0
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = momentum * m + (1 - momentum) * g
        theta -= lr * sign(m)
        yield theta


@of("Signum")
def signum(theta, gradients, *, momentum=0.9, **options):
    """SignSGD with a momentum; the same paper, algorithm 2."""
    yield from sign_sgd(theta, gradients, momentum=momentum, **options)


@of("Tiger")
def tiger(theta, gradients, *, lr=1e-3, momentum=0.965, weight_decay=0.01, maximize=False):
    """Tight-fisted: Su 2023, https://github.com/bojone/tiger, with gradients of one batch."""
    m = 0.0
    for g in gradients:
        m = momentum * m + (1 - momentum) * (-g if maximize else g)
        theta -= lr * (sign(m) + weight_decay * theta)
        yield theta


@of("FOCUS")
def focus(theta, gradients, *, lr=1e-2, betas=(0.9, 0.999), gamma=0.1, weight_decay=0.0, maximize=False):
    """Attraction to the mean of parameters: Liu, Liu & Gore 2025, algorithm 1, https://arxiv.org/abs/2501.12243.

    The decay goes along the mean, after the step, as in https://github.com/liuyz0/FOCUS. Means are exact: their
    roundings would have signs.
    """
    m, mean, kept = 0.0, Fraction(0), Fraction(betas[1])
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * (-g if maximize else g)
        mean = kept * mean + (1 - kept) * Fraction(theta)
        corrected = mean / (1 - kept**t)
        step = sign(m) + gamma * sign(Fraction(theta) - corrected) + weight_decay * float(corrected)
        theta -= lr * step
        yield theta
