"""Rules that need both rows and columns: vectors have none to be scaled."""

from ...formula.matrices.sides import last_two
from ...optimizer import Optimizer

__all__: list[str] = []


class ForMatrices(Optimizer):
    """A rule for matrices of real numbers, whose last two dimensions are rows and columns."""

    for_complex = "AdamW"

    @classmethod
    def sides(cls, shape, options):
        """Take the last two dimensions."""
        return last_two(shape)

    @classmethod
    def unfit(cls, param, options):
        """A matrix of real numbers is needed."""
        fault = super().unfit(param, options)
        if fault is None and param.dim() < 2:
            shape = tuple(param.shape)
            return f"{cls.__name__} is for matrices", f"has shape {shape}: pass it to an optimizer of its own, as AdamW"
        return fault
