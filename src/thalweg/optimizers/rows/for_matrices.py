"""Rules that need both rows and columns: vectors have none to be scaled."""

from ...formula.matrices.sides import last_two
from ...optimizer import Optimizer

__all__: list[str] = []


class ForMatrices(Optimizer):
    """A rule for matrices of real numbers, whose last two dimensions are rows and columns."""

    @classmethod
    def sides(cls, shape, options):
        """Take the last two dimensions."""
        return last_two(shape)

    @classmethod
    def unfit(cls, param, options):
        """A matrix of real numbers is needed."""
        if param.is_complex():
            return f"{cls.__name__} does not support complex parameters", f"is {param.dtype}: pass it to AdamW"
        if param.dim() < 2:
            shape = tuple(param.shape)
            return f"{cls.__name__} is for matrices", f"has shape {shape}: pass it to an optimizer of its own, as AdamW"
        return None
