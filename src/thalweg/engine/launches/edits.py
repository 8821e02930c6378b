"""Options that were edited in a group between two steps: each is held to its range, and all to what goes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...formula.tracing.option_symbols import shape_of
from ...state.checkpoints.loaded import as_meant
from ...state.noted import Log, OneParameter

HERE = ("cpu", "meta")
"""The devices of which the host knows at once what a number is, or that there is none."""


def check_groups(optimizer: Any) -> None:
    """Hold every option of every group to its range; raises TypeError or ValueError for what is out of it.

    A number of another kind than formulas compute with, as NumPy's are, is kept as one of Python's from then on.
    """
    owner = type(optimizer)
    kept = []
    for index, group in enumerate(optimizer.param_groups):
        # What steps a single parameter in backward knows its group, and not which one that is.
        where = "" if isinstance(group, OneParameter) else f" in parameter group {index}"
        for name, option in owner.options.items():
            value = _present(owner, name, group, where)
            checked = option.check(as_meant(value), owner.__name__, where)
            if shape_of(checked) != shape_of(value):
                kept.append((group, name, checked))
        owner.check(group, where)
    for group, name, checked in kept:
        group[name] = checked


def hold_edits(optimizer: Any) -> None:
    """Do so if any option may have been edited since the last time, as `optimizer` is told of by its groups' log."""
    log: Log = optimizer._log
    if log.held != log.count or any(getattr(group, "log", None) is not log for group in optimizer.param_groups):
        check_groups(optimizer)
        log.held = log.count


def _present(owner: Any, name: str, group: Mapping[str, Any], where: str) -> Any:
    """Give an option's value, if it was not taken away."""
    try:
        return group[name]
    except KeyError:
        raise ValueError(f"{owner.__name__} needs {name}{where}, but it was taken out: put it back") from None


def are_in_range(owner: Any, name: str, values: Sequence[Any]) -> bool:
    """Tell if the values that an option has in some groups are in its range; `check_groups` says which is not."""
    option = owner.options.get(name)
    try:
        for value in values if option is not None else ():
            if not _is_waited_for(value):
                option.check(as_meant(value), owner.__name__)
    except (TypeError, ValueError):
        return False
    return True


def counts_of(owner: Any) -> list[str]:
    """List the options of a rule's own that are whole numbers, as numbers of blocks and dimensions are."""
    return [name for name, option in owner.options.items() if option.is_count and name not in owner.around]


def fit_parameters(owner: Any, groups: Sequence[Mapping[str, Any]]) -> bool:
    """Tell if the options of each of some groups go together with its parameters."""
    return not any(owner.unfit(param, group) for group in groups for param in group["params"])


def go_together(owner: Any, groups: Sequence[Mapping[str, Any]]) -> bool:
    """Tell if the options of each of some groups go together."""
    try:
        for group in groups:
            owner.check(group)
    except (TypeError, ValueError, RuntimeError):
        return False
    return True


def _is_waited_for(value: Any) -> bool:
    """Tell if the host would have to wait for a device to know a value: nobody does, and graphs can be captured."""
    if isinstance(value, tuple | list):
        return any(map(_is_waited_for, value))
    return isinstance(value, Tensor) and value.device.type not in HERE
