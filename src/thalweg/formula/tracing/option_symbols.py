"""What of an option stays a symbol while a formula is traced, and what shapes the formula."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..graph.expr import Symbol
from ..rule.facts import SHAPE, size_name

NUMBER = object()
"""Stands for any number where a formula's structure is compared."""


def symbolic(name: str, value: Any, decide: Callable[..., Any]) -> Any:
    """Turn a number into a symbol, a tuple of numbers into a tuple of symbols; leave the rest."""
    if name == SHAPE:
        return tuple(Symbol(size_name(place), "parameter", None, decide) for place in range(len(value)))
    if isinstance(value, tuple | list):
        numbers = (Symbol(name, "group", index, decide) for index in range(len(value)))
        return tuple(symbol if is_number(item) else item for symbol, item in zip(numbers, value, strict=True))
    return Symbol(name, "group", None, decide) if is_number(value) else value


def is_number(value: Any) -> bool:
    """Tell if an option's value is a number, which may change from step to step, and no choice."""
    return isinstance(value, int | float | Tensor) and not isinstance(value, bool)


def shape_of(value: Any) -> Any:
    """Return what of an option shapes the formula."""
    if isinstance(value, tuple | list):
        return tuple(shape_of(item) for item in value)
    return NUMBER if is_number(value) else value
