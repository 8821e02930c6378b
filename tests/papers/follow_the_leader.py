"""Weights that follow the leader."""

import math

from .reference import of


@of("FTRL")
def ftrl(
    theta,
    gradients,
    *,
    lr=0.1,
    beta=0.0,
    lambda_1=0.0,
    lambda_2=0.0,
    initial_accumulator_value=0.0,
    maximize=False,
):
    """McMahan et al. 2013, algorithm 1, with z and all that it is compared with times alpha, which may then be zero.

    https://research.google.com/pubs/archive/41159.pdf
    """
    z, n = 0.0, initial_accumulator_value
    for g in gradients:
        g = -g if maximize else g
        sigma = math.sqrt(n + g * g) - math.sqrt(n)
        z += lr * g - sigma * theta
        n += g * g
        beyond = abs(z) - lr * lambda_1
        theta = -math.copysign(beyond, z) / (beta + math.sqrt(n) + lr * lambda_2) if beyond > 0 else 0.0
        yield theta
