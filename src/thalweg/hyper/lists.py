"""Options that are lists of any length: numbers three by three, and names."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

from ..described import shown


@dataclass(frozen=True)
class Threes:
    """Three numbers, or three for each step of an iteration, or the name of such numbers; they are kept in one row."""

    names: tuple[str, ...]

    def checked(self, value: Any, name: str, owner: str, where: str) -> Any:
        """Return the numbers, or their name; raises TypeError for anything else."""
        if isinstance(value, str) and value in self.names:
            return value
        rows = value if isinstance(value, tuple | list) else ()
        parts = [item if isinstance(item, tuple | list) else (item,) for item in rows]
        numbers = [number for part in parts for number in part]
        are_threes = {len(part) for part in parts} in ({1}, {3}) and len(numbers) % 3 == 0
        if not (are_threes and all(isinstance(number, Real) and not isinstance(number, bool) for number in numbers)):
            raise TypeError(
                f"{owner} needs {name} to be three numbers, a list of threes, or one of "
                f"{', '.join(map(repr, self.names))}{where}, but got {shown(value)}"
            )
        return tuple(number if isinstance(number, int) else float(number) for number in numbers)


@dataclass(frozen=True)
class Patterns:
    """A few names, in which `*` stands for anything."""

    def checked(self, value: Any, name: str, owner: str, where: str) -> tuple[str, ...]:
        """Return the names; raises TypeError for anything else."""
        if not isinstance(value, tuple | list) or not all(isinstance(item, str) for item in value):
            raise TypeError(
                f"{owner} needs {name} to be a list of names, in which * stands for anything{where}, but got "
                f"{shown(value)}"
            )
        return tuple(value)
