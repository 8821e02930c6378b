"""What is asked of every optimizer, answered by those that move one vector and have no formula."""

from __future__ import annotations

from typing import Any


class WithoutFormula:
    """Answers for a closure method."""

    param_groups: list[dict[str, Any]]

    def explain(self) -> str:
        """Say what the method moves."""
        params = [param for group in self.param_groups for param in group["params"]]
        return (
            f"{type(self).__name__}: {len(params):,} parameter{'s' * (len(params) != 1)} as one vector, by operations "
            "of torch, as often as the closure is evaluated"
        )

    def memory(self) -> Any:
        """Raise TypeError, as what is kept depends on the way down."""
        raise TypeError(
            f"{type(self).__name__} has no formula, whose states could be counted: look at what state_dict() holds"
        )

    def averaged(self) -> Any:
        """Raise RuntimeError, as averages are kept around formulas."""
        raise RuntimeError(f"{type(self).__name__} has no formula, around which averages are kept: use swa_utils")
