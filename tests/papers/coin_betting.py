"""Betting on gradients."""

from .reference import of


@of("COCOB")
def cocob(theta, gradients, *, lr=1.0, alpha=100.0, eps=1e-8, weight_decay=0.0, maximize=False):
    """Orabona & Tommasi 2017, algorithm 2: COCOB-Backprop, https://arxiv.org/abs/1705.07795; L starts at eps."""
    start, largest, sizes, reward, wealth = theta, eps, 0.0, 0.0, 0.0
    for g in gradients:
        # The paper's g is the negative gradient.
        g = -((-g if maximize else g) + weight_decay * theta)
        largest = max(largest, abs(g))
        sizes += abs(g)
        reward = max(reward + (theta - start) * g, 0.0)
        wealth += g
        target = start + wealth / (largest * max(sizes + largest, alpha * largest)) * (largest + reward)
        theta += lr * (target - theta)
        yield theta
