"""Steps as bets on the outcomes of coins, which gradients toss: there is no learning rate."""

from ...formula import Copy, Unsigned, lerp, maximum
from ...hyper import NonNegative, Positive
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["COCOB"]


class COCOB(Optimizer):
    """Bet a share of what a weight has won so far on its next gradient, and stand as far from the start as the bet.

    Orabona & Tommasi 2017, "Training deep networks without learning rates through coin betting", algorithm 2,
    COCOB-Backprop. https://arxiv.org/abs/1705.07795
    `alpha` is the bound of the first step: no weight goes further than 1 / alpha. The scale of gradients begins at eps,
    as in the authors' code. `lr` is the share of the way to the point of the algorithm that a step goes.
    Tune: nothing.
    """

    lr: NonNegative = 1.0
    alpha: Positive = 100.0
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0

    counts_steps = False
    # What is rounded in them would be a jump of the weights.
    precise = frozenset({"largest", "size_sum", "reward", "theta"})
    refuses = {
        "decoupled_weight_decay": "its lr is no rate that weights could decay by",
        "cautious": "a step leads from one bet to the next one, and is no step along a gradient",
        "hyperball": "its weights are where the bets are, whatever their norm",
        "lookahead": "its weights are where the bets are, whatever a walk has led to",
    }

    def update(self, param, grad, x0: Copy, largest: Unsigned, size_sum: Unsigned, reward: Unsigned, theta):
        grad = l2(self, param, grad)
        largest = maximum(largest, abs(grad))
        size_sum = size_sum + abs(grad)
        reward = maximum(reward - (param - x0) * grad, 0)
        theta = theta - grad
        fraction = theta / (largest * maximum(size_sum + largest, self.alpha * largest))
        return lerp(param, x0 + fraction * (largest + reward), self.lr), x0, largest, size_sum, reward, theta

    def initial_largest(self):
        """Not zero, as it is divided by."""
        return self.eps
