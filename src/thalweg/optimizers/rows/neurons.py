"""Steps measured by neuron: each row of a matrix is the weights that go into one."""

from ...formula import Rows, Scalar, Unsigned, row_mean, row_total, sqrt, total, where
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["Nero"]

OF_ZEROS = 0.01
"""The scale of a parameter that starts at zero, as biases do: the authors'."""


class Nero(Optimizer):
    """Each neuron turns by an angle of lr: its gradient is divided by its usual norm, and its weights keep theirs.

    Liu et al. 2021, "Learning by turning: neural architecture aware optimisation", algorithm 1.
    https://arxiv.org/abs/2102.07227
    `constraints` says whether the rows of matrices, the first dimension being neurons, are brought to a mean of 0 and a
    norm of 1, before the first step and after each one; `beta` is the share of the old mean square of a neuron's
    gradients that stays in each step. In vectors, as biases, each element is a neuron's. Steps are in units of the mean
    norm that a parameter's neurons had at the start.
    Tune: lr 0.01, which fits most networks.
    """

    lr: NonNegative = 1e-2
    beta: Decay = 0.999
    constraints: bool = True

    phases = ("first", "usual")
    refuses = {"hyperball": "its neurons have a norm already"}
    for_complex = "AdamW"

    def update(self, param, grad, scale: Scalar, exp_avg_sq: Unsigned, row_sq: Rows):
        if self.phase == "first":
            param = self.constrained(param)
            size = total(sqrt(self.squares(param))) / (self.rows if self.is_matrix else self.numel)
            scale = where(size > 0, size, OF_ZEROS)
        square = self.beta * (row_sq if self.is_matrix else exp_avg_sq) + (1 - self.beta) * self.squares(grad)
        usual = sqrt(square / (1 - self.beta**self.step_count))
        step = self.lr * scale * where(usual > 0, grad / usual, 0)
        param = self.constrained(param - step)
        return (param, scale, exp_avg_sq, square) if self.is_matrix else (param, scale, square, row_sq)

    def constrained(self, param):
        """Bring each neuron's weights to a mean of 0 and a norm of 1; those that are all alike have no norm."""
        if not self.constraints or not self.is_matrix:
            return param
        centred = param - row_mean(param)
        norm = sqrt(row_total(centred * centred))
        return where(norm > 0, centred / norm, centred)

    def squares(self, x):
        """Give the squared norm of each neuron."""
        return row_total(x * x) if self.is_matrix else x * x

    @classmethod
    def phase_of(cls, options, step):
        """Only the first step looks at where the weights begin."""
        return "first" if step == 1 else "usual"
