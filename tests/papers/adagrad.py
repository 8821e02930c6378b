"""Step sizes from all the gradients so far, and what became of the idea."""

import math

from .reference import of


@of("Adagrad")
def adagrad(
    theta,
    gradients,
    *,
    lr=1e-2,
    lr_decay=0.0,
    weight_decay=0.0,
    initial_accumulator_value=0.0,
    eps=1e-10,
    maximize=False,
):
    """Adagrad with a diagonal matrix.

    Duchi, Hazan & Singer 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", figure 1, the mirror descent without a regularizer; lr_decay is torch's.
    https://jmlr.org/papers/v12/duchi11a.html
    """
    s = initial_accumulator_value
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        s += g * g
        theta -= lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(s) + eps)
        yield theta


@of("AdaDelta")
def adadelta(theta, gradients, *, rho=0.9, eps=1e-6, weight_decay=0.0, lr=1.0, maximize=False):
    """AdaDelta, whose steps have the unit of theta.

    Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method", algorithm 1; lr is torch's, and does not enter
    the average of the steps. https://arxiv.org/abs/1212.5701
    """
    v = u = 0.0  # E[g²] and E[Δx²]
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        v = rho * v + (1 - rho) * g * g
        dx = -math.sqrt(u + eps) / math.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * dx * dx
        theta += lr * dx
        yield theta


@of("Adadelta")
def torch_adadelta(theta, gradients, *, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    """AdaDelta with the options in the order of torch.optim.Adadelta."""
    return adadelta(theta, gradients, rho=rho, eps=eps, weight_decay=weight_decay, lr=lr, maximize=maximize)


@of("RMSpropTF")
def rmsprop_tf(
    theta,
    gradients,
    *,
    lr=1e-2,
    alpha=0.9,
    eps=1e-10,
    weight_decay=0.0,
    momentum=0.0,
    centered=False,
    decoupled_weight_decay=False,
    maximize=False,
):
    """RMSProp as TensorFlow 1 had it: tf.train.RMSPropOptimizer, whose accumulators start at one."""
    v, mean, b = 1.0, 0.0, 0.0
    for g in gradients:
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        v = alpha * v + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        variance = max(v - mean * mean, 0.0) if centered else v
        b = momentum * b + lr * g / math.sqrt(variance + eps)
        theta -= b
        yield theta


@of("Kate")
def kate(theta, gradients, *, lr=1e-3, eta=0.0, eps=1e-8, weight_decay=0.0, maximize=False):
    """Choudhury, Tupitsa, Loizou, Horvath, Takac & Gorbunov 2024, "Remove that Square Root", algorithm 1.

    eps, which the algorithm lacks, is where the authors' code has it. https://arxiv.org/abs/2403.02648
    """
    b_squared, m_squared = 0.0, 0.0
    for g in gradients:
        g = (-g if maximize else g) + weight_decay * theta
        b_squared += g**2
        m_squared += eta * g**2 + g**2 / (b_squared + eps)
        theta -= lr * math.sqrt(m_squared) / (b_squared + eps) * g
        yield theta
