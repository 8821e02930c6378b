"""Steps that look at the sign of the gradient alone."""

from ...formula import Unsigned, clamp, sign, where
from ...hyper import Etas, NonNegative, StepSizes
from ...optimizer import Optimizer

__all__ = ["RProp"]


class RProp(Optimizer):
    """Each weight has its own step size, which grows while the gradient keeps its sign and shrinks when it turns.

    Riedmiller & Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm",
    https://doi.org/10.1109/ICNN.1993.298623; where the sign turns, the weight rests: iRprop- of Igel & Hüsken 2003,
    "Empirical evaluation of the improved Rprop learning algorithms", algorithm 4, https://doi.org/10.1016/S0925-2312(01)00700-7
    Tune: use full batches, as the noise of mini-batches turns signs and stops it; lr is only the first step size.
    """

    lr: NonNegative = 1e-2
    etas: Etas = (0.5, 1.2)
    step_sizes: StepSizes = (1e-6, 50)

    def update(self, param, grad, prev, step_size: Unsigned):
        shrink, grow = self.etas
        agreement = grad * prev
        step_size = where(agreement > 0, step_size * grow, where(agreement < 0, step_size * shrink, step_size))
        step_size = clamp(step_size, *self.step_sizes)
        grad = where(agreement < 0, 0, grad)
        return param - sign(grad) * step_size, grad, step_size

    def initial_step_size(self):
        """Every weight starts with steps of size lr."""
        return self.lr
