"""Parameter groups that note which of their options are changed, so that a step need not look at each of hundreds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ..uncompiled import leave_graph

Class = TypeVar("Class", bound=type)

GATHERED = "gathered"
"""The key of a group under which stands how many gradients wait for a step."""


class Log:
    """A number that grows with each change, and for each option the number at its last one."""

    __slots__ = ("all", "count", "held", "last")

    def __init__(self) -> None:
        self.count = self.all = self.held = 0
        """`held` is the number up to which all options were held to their ranges."""
        self.last: dict[str, int] = {}

    def note(self, name: str) -> None:
        """Note that an option was set."""
        self.count += 1
        self.last[name] = self.count

    def note_all(self) -> None:
        """Note that any may have been."""
        self.count += 1
        self.all = self.count

    def note_checked(self) -> None:
        """Note a new group, whose options have been held to their ranges already."""
        are_held = self.held == self.count
        self.note_all()
        self.held = self.count if are_held else self.held

    def since(self, count: int, names: Collection[str]) -> list[str]:
        """List those of some options that may have changed since the log stood at a number."""
        if self.all > count:
            return list(names)
        return [name for name, last in self.last.items() if last > count and name in names]


def noting(cls: Class) -> Class:
    """Let the methods of a dict that change several entries, or take some away, note it."""
    for name in ("__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
        setattr(cls, name, _noted(getattr(cls, name)))
    return cls


def _noted(method: Callable[..., Any]) -> Callable[..., Any]:
    def changing(self: Any, *arguments: Any, **keywords: Any) -> Any:
        self.log.note_all()
        return method(self, *arguments, **keywords)

    return changing


@noting
class NotedGroup(dict[str, Any]):
    """A parameter group: a dict, all of whose kin in an optimizer share one log. Copies and pickles are plain dicts."""

    __slots__ = ("log",)

    def __init__(self, log: Log, group: Mapping[str, Any]) -> None:
        super().__init__(group)
        self.log = log

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.log.note(name)

    def __contains__(self, name: object) -> bool:
        # What torch's compiler asks first of a group, before it takes it for a dict that notes nothing.
        if name == "capturable":
            leave_graph()
        return super().__contains__(name)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class SeenGroup(dict[str, Any]):
    """A group with other parameters in the place of its own: all else is the group's own, whenever it is read."""

    def __init__(self, group: dict[str, Any], params: list[Any]) -> None:
        super().__init__({"params": params})
        self.group = group

    @property
    def log(self) -> Log | None:
        """What notes the changes of the group's options."""
        return getattr(self.group, "log", None)

    def __missing__(self, name: str) -> Any:
        return self.group[name]

    def __contains__(self, name: object) -> bool:
        return name in self.group

    def __setitem__(self, name: str, value: Any) -> None:
        self.group[name] = value

    def get(self, name: str, default: Any = None) -> Any:
        """Look an option up; a dict's own way goes past what is missing."""
        return super().get(name, self.group.get(name, default))


class OneParameter(dict[str, Any]):
    """A group as seen by one of its parameters: the options are the group's own, whenever they are read."""

    def __init__(self, group: dict[str, Any], param: Any) -> None:
        super().__init__({"params": [param], GATHERED: group.get(GATHERED, 0)})
        self.group = group

    def __missing__(self, name: str) -> Any:
        return self.group[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Read an option where there is one."""
        return self[name] if name in self or name in self.group else default

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an option of the group; keep what is counted for this parameter, and let the group know."""
        if name == GATHERED:
            super().__setitem__(name, value)
        self.group[name] = value
