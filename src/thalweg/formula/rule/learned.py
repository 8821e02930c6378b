"""What a class says of the numbers that it learns: whether it says all of them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...described import described


def checked_learned(owner: Any, method: str, new: Any) -> Mapping[str, Any]:
    """Return what `start` or `learn` has returned; raises TypeError if it is no dict of what the class learns."""
    if isinstance(new, Mapping) and new.keys() == {*owner.learned}:
        return new
    got = f"one of {', '.join(map(str, new)) or 'nothing'}" if isinstance(new, Mapping) else described(new)
    raise TypeError(
        f"{owner.__name__}.{method} must return a dict of what the class learns, {', '.join(owner.learned)}, but "
        f"returned {got}"
    )
