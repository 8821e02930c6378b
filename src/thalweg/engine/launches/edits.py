"""Options that were edited in a group between two steps: each is held to its range, and all to what goes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...formula.tracing.trace import shape_of
from ...state.checkpoints.loaded import as_meant

HERE = ("cpu", "meta")
"""The devices of which the host knows at once what a number is, or that there is none."""


def check_groups(optimizer: Any) -> None:
    """Hold every option of every group to its range; raises TypeError or ValueError for what is out of it.

    A number of another kind than formulas compute with, as NumPy's are, is kept as one of Python's from then on.
    """
    owner = type(optimizer)
    kept = []
    for index, group in enumerate(optimizer.param_groups):
        where = f" in parameter group {index}"
        for name, option in owner.options.items():
            value = _present(owner, name, group, where)
            checked = option.check(as_meant(value), owner.__name__, where)
            if shape_of(checked) != shape_of(value):
                kept.append((group, name, checked))
        owner.check(group, where)
    for group, name, checked in kept:
        group[name] = checked


def _present(owner: Any, name: str, group: Mapping[str, Any], where: str) -> Any:
    """Give an option's value, if it was not taken away."""
    try:
        return group[name]
    except KeyError:
        raise ValueError(f"{owner.__name__} needs {name}{where}, but it was taken out: put it back") from None


def check_values(owner: Any, name: str, values: Sequence[Any]) -> None:
    """Hold the values that an option has in some groups to its range."""
    option = owner.options.get(name)
    if option is not None:
        for value in values:
            if not _is_waited_for(value):
                option.check(as_meant(value), owner.__name__, " in a parameter group")


def check_together(owner: Any, groups: Sequence[Mapping[str, Any]]) -> None:
    """Hold the options of some groups to what goes together."""
    for group in groups:
        owner.check(group, " in a parameter group")


def _is_waited_for(value: Any) -> bool:
    """Tell if the host would have to wait for a device to know a value: nobody does, and graphs can be captured."""
    if isinstance(value, tuple | list):
        return any(map(_is_waited_for, value))
    return isinstance(value, Tensor) and value.device.type not in HERE
