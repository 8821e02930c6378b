"""What a search sees: a value and a slope for a step length."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Trial:
    """The function phi(alpha) = f(x + alpha d) at one step length; `noise` is what rounding may do to the value."""

    alpha: float
    value: float
    slope: float
    noise: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether the value and the slope are both numbers."""
        return math.isfinite(self.value) and math.isfinite(self.slope)

    def is_like(self, other: Trial) -> bool:
        """Return whether value and slope are those of another trial: rounding leaves no point between them."""
        return self.value == other.value and self.slope == other.slope


Phi = Callable[[float], Trial]
