"""From a name, whoever uses it, to a class and its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..described import kind_of, shown
from ..optimizer import Optimizer, registry
from ..optimizers.closure import closure_methods
from .alike import nearest, plain
from .marked import marked
from .row import Row
from .sentences import what_it_is, wrapped
from .table import AUTHORS, OF_LIBRARY, PATHS

OURS = "thalweg."
"""What may stand before a name of this library's own."""


@dataclass(frozen=True)
class Meaning:
    """What a name means: a class, the options that the name stands for, and the row if it is another library's."""

    name: str
    kind: type[Optimizer]
    options: Mapping[str, Any] = field(default_factory=dict)
    row: Row | None = None

    @property
    def wrapper(self) -> Any:
        """What is put around the rule; None if nothing is."""
        return self.row.wrapper() if self.row else None

    @property
    def is_in_backward(self) -> bool:
        """Whether it steps while the backward pass goes on."""
        return self.row is not None and self.row.is_in_backward

    def takes(self, option: str) -> bool:
        """Tell if there is an option of this name."""
        return option in self.kind.options or (self.wrapper is not None and option in self.wrapper.options)


def find(name: str, first: str | None = None, given: Iterable[str] = ()) -> Meaning:
    """Find what a name means; capitals, hyphens and underscores count only where names differ by nothing else.

    A class of this library comes before other libraries' names; `first` is a library whose names come before these.
    With a library before it, as in `timm.cadamw` or `bitsandbytes.optim.AdamW8bit`, a name is that library's alone.
    `given` are options that come before those of the name: libraries that differ in nothing but these mean the same.

    Raises ValueError for a name that nobody has, with what it is if it is no optimizer, or else with the nearest ones;
    for one that stands for different things in different libraries; and for one that cannot be had here, with the
    reason and what to do.
    """
    if not isinstance(name, str):
        raise TypeError(f"an optimizer's name is a str, but got {kind_of(name)}: pass it first, as in 'AdamW'")
    if first is not None and first not in OF_LIBRARY:
        known = ", ".join(OF_LIBRARY)
        raise ValueError(f"there is no library {shown(first)} whose names are known: choose one of {known}")
    name = name.removeprefix("<class '").removesuffix("'>")  # what str() makes of a class
    row = _of_its_library(name) or (_named(name, OF_LIBRARY[first]) if first else None)
    if row is not None:
        return _meaning(row)
    bare = without_ours(name)
    own = spelled(bare, ours())
    if own is not None:
        return Meaning(own, ours()[own])
    if bare is not name:
        raise ValueError(f"thalweg has no optimizer {shown(bare)}: {_instead(bare, ours())}")
    return _meaning(_agreed(name, _of_any_library(name), frozenset(given)))


def without_ours(name: str) -> str:
    """Leave out this library's name, and those of its modules, before that of a class."""
    return name.rpartition(".")[2] if name.casefold().startswith(OURS) else name


def ours() -> dict[str, type[Optimizer]]:
    """List this library's classes by name, with those that a user has written."""
    return {**registry, **closure_methods}


def elsewhere() -> list[str]:
    """List the names of other libraries, without the libraries."""
    return [row.name for rows in OF_LIBRARY.values() for row in rows.values()]


def is_elsewhere(name: str) -> bool:
    """Tell if a name is another library's, with its path before it or without; `torch.` alone may be torch's own."""
    is_prefixed = any(name.casefold().startswith(f"{path}.") for path in PATHS if path != "torch")
    return is_prefixed or bool(_of_any_library(name))


def _of_its_library(name: str) -> Row | None:
    """Read a name with its library before it; None where there is none, ValueError where it has no such name."""
    for path, library in PATHS.items():
        if name.casefold().startswith(f"{path}."):
            bare, rows = name[len(path) + 1 :], OF_LIBRARY[library]
            last = bare.rpartition(".")[2]
            found = _named(bare, rows) or _named(last, rows)
            if found is None:
                owner = path if path in AUTHORS else library
                raise ValueError(f"{owner} has no optimizer {shown(bare)}: {_instead(last, rows)}")
            return found
    return None


def _named(name: str, rows: Mapping[str, Row]) -> Row | None:
    alike = [row for other, row in rows.items() if plain(other) == plain(name)]
    return rows.get(name) or (alike[0] if alike else None)


def spelled(name: str, known: Mapping[str, Any]) -> str | None:
    """Find a class by its name, whatever its capitals and hyphens; None if there is none.

    Raises ValueError for a name that may be one of several classes whose defaults differ.
    """
    alike = [name] if name in known else [other for other in known if plain(other) == plain(name)]
    if any(_defaults(known[other]) != _defaults(known[alike[0]]) for other in alike):
        raise ValueError(f"{shown(name)} may be {' or '.join(alike)}: write the one you mean exactly so")
    return alike[0] if alike else None


def _defaults(kind: Any) -> dict[str, Any]:
    return {name: option.default for name, option in getattr(kind, "options", {}).items()}


def _of_any_library(name: str) -> list[Row]:
    """List the rows of a name in all libraries: those written most nearly so."""
    exact = _exactly(name) or _exactly(name.replace("-", "_"))
    named = [row for rows in OF_LIBRARY.values() if (row := _named(name, rows))]
    return exact or [row for row in named if row.name.casefold() == name.casefold()] or named


def _exactly(name: str) -> list[Row]:
    return [rows[name] for rows in OF_LIBRARY.values() if name in rows]


def _agreed(name: str, rows: list[Row], given: frozenset[str]) -> Row:
    """Return what all rows of a name say; raises ValueError where they say different things, or there are none."""
    if not rows:
        raise ValueError(f"there is no optimizer {shown(name)}: {_instead(name, [*ours(), *elsewhere()])}")
    first = rows[0]
    if any(row.makes(given) != first.makes(given) for row in rows):
        each = " or ".join(row.spelling for row in rows)
        raise ValueError(f"{name!r} means different things in different libraries: write {each}")
    return first


def _meaning(row: Row) -> Meaning:
    """Say what a row means; raises ValueError where it cannot be had."""
    if row.instead:
        raise ValueError(f"{row.spelling} cannot be had here: {row.instead}")
    missing, owner = row.missing(), row.owner()
    if missing or owner is None:
        raise ValueError(f"{row.spelling} is not here yet: {missing}")
    return Meaning(row.spelling, owner, row.options, row)


def _instead(name: str, known: Iterable[str]) -> str:
    """Say, as a clause, what a name is that is unknown, or else which ones it is most like."""
    return told_of(name) or nearest(name, known)


def told_of(name: str) -> str:
    """Say, as a clause, what a name is that no optimizer has; empty if nothing is known of it."""
    return what_it_is(name) or marked(name, ours()) or wrapped(name, ours())
