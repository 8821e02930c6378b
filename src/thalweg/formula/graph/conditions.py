"""Conditions among the operands of an operation: logic where there are no others, and 1 or 0 beside numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .mistakes import misused
from .ops import COUNTING, ON_CONDITIONS, Kind


def kind_of(value: Any) -> Kind:
    """Say what a value is: a node's kind, or that of what is no node yet."""
    kind: Kind = "condition" if isinstance(value, bool) else "number"
    return getattr(value, "kind", kind)


def with_conditions(
    name: str, operands: tuple[Any, ...], as_number: Callable[[Any], Any]
) -> tuple[str, tuple[Any, ...]]:
    """Say what an operation is in which conditions take part; raises TypeError where torch would have no answer."""
    kinds = list(map(kind_of, operands))
    if name == "where":
        if kinds[0] != "condition":
            raise TypeError(
                "where(condition, a, b) needs a condition first, as x > 0 is one: write x != 0 for a number"
            )
        return name, (operands[0], *map(as_number, operands[1:]))
    if set(kinds) == {"condition"} and name in ON_CONDITIONS and (name != "invert" or operands[0].varies):
        return ON_CONDITIONS[name], operands
    if name in COUNTING and _has_dtype(operands):
        return name, tuple(map(as_number, operands))
    raise TypeError(misused(name))


def _has_dtype(operands: tuple[Any, ...]) -> bool:
    """Tell if a number of each element takes part, or nothing that differs between elements."""
    varying = [kind_of(operand) for operand in operands if getattr(operand, "varies", False)]
    return not varying or "number" in varying
