"""Rules for real numbers alone."""

from __future__ import annotations

from ...optimizer import Optimizer


class RealOptimizer(Optimizer):
    """An optimizer whose eigenvectors, roots or factors are those of real matrices."""

    @classmethod
    def unfit(cls, param, options):
        """Refuse complex parameters."""
        if param.is_complex():
            return f"{cls.__name__} is for real numbers", f"is {param.dtype}: pass it to AdamW"
        return None
