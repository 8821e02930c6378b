"""Noise from a counter, and gradient descent with it."""

import math

from .reference import of

WORD = 2**32


def hashed(x):
    """Wellons 2018, "Prospecting for hash functions", lowbias32, in whole numbers without a sign."""
    x = (x ^ x >> 16) * 0x7FEB352D % WORD
    x = (x ^ x >> 15) * 0x846CA68B % WORD
    return x ^ x >> 16


def normal(place, step, parameter=0, seed=0):
    """Box & Muller 1958: a normal number from two words of the element, of which 24 bits each count."""
    key = hashed(hashed(hashed(seed) ^ parameter) ^ step)
    first, second, third = (hashed(key ^ apart) for apart in (0x1B873593, 0x2545F491, 0x27D4EB2F))
    word = hashed(hashed(place ^ first) ^ second)
    turn = hashed(word ^ third)
    return math.sqrt(-2 * math.log(((word >> 8) + 1) / 2**24)) * math.cos(2 * math.pi * (turn >> 8) / 2**24)


@of("NoisySGD")
def noisy_sgd(theta, gradients, *, place, lr=1e-2, eta=0.01, gamma=0.55, maximize=False):
    """Neelakantan et al. 2015, section 3, with its t counted from 0. https://arxiv.org/abs/1511.06807."""
    for t, g in enumerate(gradients):
        g = -g if maximize else g
        theta -= lr * (g + math.sqrt(eta / (1 + t) ** gamma) * normal(place, t + 1))
        yield theta
