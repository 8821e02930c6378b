"""What a method is made of: if one of these options was edited between two steps, a method of today's takes over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

READ_ANEW = ("lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "deterministic", "bounds")
"""Options that every step reads."""

IDLE = ("foreach", "capturable", "differentiable", "fused")
"""torch's options, which change nothing here."""


def made_of(owner: Any, groups: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the values that each group has for all other options of a closure method."""
    return [group[name] for group in groups for name in names_of(owner)]


@cache
def names_of(owner: Any) -> list[str]:
    """Return the names of these options."""
    return [name for name in owner.options if name not in READ_ANEW + IDLE]


def are_same(before: list[Any], now: list[Any]) -> bool:
    """Return whether options are as they were; a tensor or a function is the same only if it is that very one."""
    plain = str | int | float | None
    return len(before) == len(now) and all(
        one is two or (isinstance(one, plain) and isinstance(two, plain) and one == two)
        for one, two in zip(before, now, strict=True)
    )
