"""What the options of closure methods may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def check_counts(owner: str, options: Mapping[str, Any], where: str) -> None:
    """Raise TypeError or ValueError where a count is not a whole number of at least one."""
    for name in ("max_iter", "max_eval", "history_size"):
        value = options.get(name)
        if value is None and name != "max_iter":
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{owner} needs {name} to be a whole number{where}, but got {value!r}")
        if value < (name != "history_size"):
            raise ValueError(f"{owner} needs {name} to be at least 1{where}, but got {value}")


def check_choice(owner: str, name: str, value: Any, known: Collection[Any], where: str) -> None:
    """Raise ValueError for a word that is not known."""
    if value not in known:
        words = ", ".join(repr(word) for word in known)
        raise ValueError(f"{owner} needs {name} to be one of {words}{where}, but got {value!r}")
