"""Velocities of balls on slopes, which are steeper than any of them feels."""

from ...formula import noise, row_max, where
from ...formula.matrices.sides import Sides
from ...hyper import Decay, NonNegative
from ...optimizer import Optimizer

__all__ = ["Gravity"]


class Gravity(Optimizer):
    """Momentum of gradients that count less the larger they are, compared with the largest of their parameter.

    Bahrami & Pouriyan Zadeh 2021, "Gravity optimizer: a kinematic approach on optimization in deep learning", with
    steps counted from 0, as in the authors' code. https://arxiv.org/abs/2101.09192
    Velocities start as normal noise, of which `alpha` is the size of the first steps times 2; it depends on `seed`. The
    share of the old velocity grows from 1/2 to `beta`.
    Tune: lr 0.1, alpha 0.01 and beta 0.9, which the authors take for all their models.
    """

    lr: NonNegative = 0.1
    alpha: NonNegative = 0.01
    beta: Decay = 0.9

    phases = ("first", "later")
    refuses = {"gradient_centralization": "a whole parameter is one row for it, and vectors would lose their mean"}
    for_complex = "SGD"

    def update(self, param, grad, velocity):
        if self.phase == "first":
            velocity = where(self.lr > 0, self.alpha / self.lr, 0.0) * noise(self, grad)
        against_largest = grad * row_max(abs(grad))
        pull = grad / (1 + against_largest * against_largest)
        share = (self.beta * (self.step_count - 1) + 1) / (self.step_count + 1)
        velocity = share * velocity + (1 - share) * pull
        return param - self.lr * velocity, velocity

    @classmethod
    def sides(cls, shape, options):
        """Take the whole parameter as one row."""
        return Sides((), tuple(range(len(shape))), len(shape))

    @classmethod
    def phase_of(cls, options, step):
        """The first step finds no velocity yet."""
        return "first" if step == 1 else "later"
