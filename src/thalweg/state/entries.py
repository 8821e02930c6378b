"""The states of all parameters, as torch.optim keeps them, which count how often one was added, replaced or removed.

A kernel writes to the addresses of states, so it must know when a state is another tensor than before. Counting where
that happens costs nothing in a step; looking at every state would cost a third of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


class Changes:
    """A number that grows with each change, and one that grows with those that only added what was not there."""

    __slots__ = ("added", "count")

    def __init__(self) -> None:
        self.count = self.added = 0


def counting(cls: Class) -> Class:
    """Let each method of a dict that changes it count the change."""
    for name in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
        setattr(cls, name, _counted(getattr(cls, name)))
    return cls


def _counted(method: Callable[..., Any]) -> Callable[..., Any]:
    def changing(self: Any, *arguments: Any, **keywords: Any) -> Any:
        self.changes.count += 1
        return method(self, *arguments, **keywords)

    return changing


@counting
class Entries(dict[str, Any]):
    """The states of one parameter: a dict, by the name of the state."""

    __slots__ = ("changes",)

    def __init__(self, changes: Changes, states: Mapping[str, Any]) -> None:
        super().__init__(states)
        self.changes = changes

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


@counting
class States(defaultdict[Any, Any]):
    """The states of all parameters: a defaultdict; `stands_in` says how parameters come back from their averages."""

    __slots__ = ("changes", "stands_in")

    def __init__(self, states: Mapping[Any, Any]) -> None:
        self.changes = Changes()
        self.stands_in: str | None = None
        super().__init__(dict, {key: self._own(value) for key, value in states.items()})

    def stand_in(self, way_back: str | None) -> None:
        """Note how parameters come back; as long as that counts as a change, no plan of a step fits."""
        self.changes.count += bool(way_back) - bool(self.stands_in)
        self.stands_in = way_back

    def __missing__(self, key: Any) -> Any:
        """Start with no states; a factory that knew these would be a circle, and keep all alive for a while."""
        self[key] = {}
        return self[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self._own(value))

    def update(self, *states: Any, **more: Any) -> None:
        """Take in many at once; a dict's own way goes past __setitem__, and so do the next two."""
        for key, value in dict(*states, **more).items():
            self[key] = value

    def __ior__(self, states: Any) -> States:  # type: ignore[misc]
        self.update(states)
        return self

    def setdefault(self, key: Any, value: Any = None) -> Any:
        """Look up a parameter's states, after adding these if there are none."""
        if key not in self:
            self[key] = value
        return self[key]

    def __reduce__(self) -> Any:
        return defaultdict, (dict, dict(self))

    def copy(self) -> Any:
        """Return a plain copy, which counts nothing; the states in it are these."""
        return defaultdict(dict, self)

    __copy__ = copy

    def _own(self, value: Any) -> Any:
        """Count the changes of a parameter's states too; torch's hooks may keep other things here."""
        is_ours = isinstance(value, Entries) and value.changes is self.changes
        return Entries(self.changes, value) if isinstance(value, dict) and not is_ours else value


def plain(states: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the states as plain dicts, for checkpoints."""
    return {key: dict(value) if isinstance(value, Entries) else value for key, value in states.items()}
