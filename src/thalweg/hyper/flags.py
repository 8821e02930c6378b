"""One of a few values, and what is on or off."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..described import shown


def is_among(value: Any, values: Collection[Any]) -> bool:
    """Tell if a value is one of several; an array compares with nothing as a whole."""
    try:
        return value in values
    except (TypeError, ValueError, RuntimeError):
        return False


def is_flag(value: Any) -> bool:
    """Tell if a value is on or off, be it Python's, NumPy's or 0 or 1; None is off."""
    return value is None or is_among(value, (0, 1))


def check_flags(owner: str, **given: Any) -> None:
    """Raise TypeError for a flag that is neither on nor off: any word would count as on, "no" as well."""
    for name, value in given.items():
        if not is_flag(value):
            raise TypeError(f"{owner} needs {name} to be True or False, but got {shown(value)}")
