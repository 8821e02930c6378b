"""Options that were edited in a group between two steps: each is held to its range, and all to what goes together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...state.loaded import as_meant


def check_groups(optimizer: Any) -> None:
    """Hold every option of every group to its range; raises TypeError or ValueError for what is out of it."""
    owner = type(optimizer)
    for index, group in enumerate(optimizer.param_groups):
        where = f" in parameter group {index}"
        for name, option in owner.options.items():
            option.check(as_meant(group[name]), owner.__name__, where)
        owner.check(group, where)


def check_values(owner: Any, name: str, values: Sequence[Any]) -> None:
    """Hold the values that an option has in some groups to its range."""
    option = owner.options.get(name)
    if option is not None:
        for value in values:
            if not _is_waited_for(value):
                option.check(as_meant(value), owner.__name__, " in a parameter group")


def _is_waited_for(value: Any) -> bool:
    """Tell if the host would have to wait for a device to know a value: nobody does, and graphs can be captured."""
    if isinstance(value, tuple | list):
        return any(map(_is_waited_for, value))
    return isinstance(value, Tensor) and value.device.type != "cpu"
