"""Parameter groups that can say what went where, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from torch import Tensor

from ...described import counted


@dataclass(frozen=True)
class Placed:
    """A parameter, the group it went to (None if to none), and why."""

    name: str
    param: Tensor
    group: int | None
    why: str


class Groups(list[dict[str, Any]]):
    """Parameter groups as every optimizer takes them; printed, a table of what went where and why."""

    def __init__(self, groups: Sequence[dict[str, Any]], placed: Sequence[Placed]) -> None:
        super().__init__(groups)
        self.placed = tuple(placed)

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _lines(groups: Groups) -> Iterator[str]:
    rows = {place: list(_rows(groups, place)) for place in (*range(len(groups)), None)}
    shown = [row for of_group in rows.values() for row in of_group]
    widths = [max((len(row[column]) for row in shown), default=0) for column in range(2)]
    for place, of_group in rows.items():
        if of_group:
            yield _title(groups, place)
            yield from (f"    {row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}".rstrip() for row in of_group)


def _title(groups: Groups, place: int | None) -> str:
    params = [placed.param for placed in groups.placed if placed.group == place]
    count = f"{counted(len(params), 'parameter')}, {counted(sum(map(Tensor.numel, params)), 'number')}"
    if place is None:
        return f"in no group: {count}"
    options = [f"{name}={value!r}" for name, value in groups[place].items() if name != "params"]
    return f"group {place}: {', '.join(options) or 'the defaults'}: {count}"


def _rows(groups: Groups, place: int | None) -> Iterator[tuple[str, str, str]]:
    """Put parameters whose names differ by numbers alone, and which are alike, in one row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for placed in groups.placed:
        if placed.group == place:
            alike = re.sub(r"(?<![^.])\d+(?![^.])", "*", placed.name)
            rows.setdefault((alike, _size(placed.param), placed.why), []).append(placed.name)
    for (alike, size, why), names in rows.items():
        yield (
            (_on_one_line(names[0]), size, why)
            if len(names) == 1
            else (_on_one_line(alike), f"{len(names)} of {size}", why)
        )


def _on_one_line(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _size(param: Tensor) -> str:
    return " x ".join(map(str, param.shape)) or "a number"
