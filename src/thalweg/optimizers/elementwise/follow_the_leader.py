"""Weights that would have been the best ones for all gradients so far, and not steps from the last ones."""

from ...formula import Unsigned, sign, sqrt, where
from ...hyper import NonNegative
from ...optimizer import Optimizer

__all__ = ["FTRL"]


class FTRL(Optimizer):
    """Adagrad's rates for each weight, and weights that an L1 penalty keeps at exactly zero: for sparse models.

    McMahan et al. 2013, "Ad click prediction: a view from the trenches", algorithm 1: FTRL-Proximal.
    https://research.google.com/pubs/archive/41159.pdf
    `lambda_1` is the weight of the L1 penalty; `lambda_2` is that of the L2 penalty. Weights are computed anew from the
    states in each step: those that never had a gradient become zero. `beta` is added to the root of the sum of squares;
    the paper's 1 is for weights that begin at zero, as it draws them there, and 0 leaves them where they begin.
    `initial_accumulator_value` is what the sum starts at, 0.1 in Keras. The paper's z is kept times lr, which is the
    same, but lets a schedule change only what is still to come.
    Tune: lr is the size of the first steps, as in Adagrad; lambda_1 as large as accuracy allows.
    """

    lr: NonNegative = 1e-1
    beta: NonNegative = 0.0
    lambda_1: NonNegative = 0.0
    lambda_2: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0

    spellings = {"l1_regularization_strength": "lambda_1", "l2_regularization_strength": "lambda_2"}
    counts_steps = False
    # What is rounded in them would be a jump of the weights.
    precise = frozenset({"z", "n"})
    refuses = {
        "cautious": "weights are computed anew from its states, and take no steps",
        "hyperball": "weights are computed anew from its states, whatever their norm",
        "lookahead": "weights are computed anew from its states, whatever a walk has led to",
    }

    def update(self, param, grad, z, n: Unsigned):
        grown = n + grad * grad
        z = z + self.lr * grad - (sqrt(grown) - sqrt(n)) * param
        threshold, stiffness = self.lr * self.lambda_1, self.beta + sqrt(grown) + self.lr * self.lambda_2
        # Where all squares have underflowed, there has been no gradient.
        is_kept = (abs(z) > threshold) & (stiffness > 0)
        return where(is_kept, (sign(z) * threshold - z) / stiffness, 0 * z), z, grown

    def initial_n(self):
        """The sum may start above zero, for smaller first steps."""
        return self.initial_accumulator_value
