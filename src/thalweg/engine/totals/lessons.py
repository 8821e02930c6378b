"""What a class says of learning, read once: its text as a graph, which is computed in a few microseconds.

A text that a graph cannot say, as where it asks by a Python `if` for a sum, is called at every step instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...formula.graph.alike import are_alike
from ...formula.graph.expr import Expr, Symbol, as_expr, as_number
from ...formula.graph.on_host import NumbersOnHost
from ...formula.rule.learned import checked_learned
from ...formula.rule.rule import Group
from ...formula.tracing.option_symbols import is_number, shape_of, symbolic
from ...formula.tracing.trace import evaluate

MOST = 8
"""Graphs of one class, for options that choose other words of its text; with still others, the text is called."""


class NotOnHost(Exception):  # noqa: N818
    """Says that a number is a tensor, which may be on a device, or part of a graph."""


@dataclass(frozen=True)
class Lesson:
    """How new numbers follow from sums and options, for options that choose these words of the text."""

    names: tuple[str, ...]
    chosen: Mapping[str, Any]
    """Each option that was asked for and is no number: its value."""
    answers: list[bool]
    """How each Python `if` was answered."""
    numbers: NumbersOnHost
    """Those conditions, and then what is learned."""

    def __call__(self, options: Mapping[str, Any], sums: Mapping[str, float]) -> dict[str, float] | None:
        """Give what is learned; None where these options choose other words."""
        # A loop costs half as much as all() of a generator.
        for name, shape in self.chosen.items():
            if shape_of(options[name]) != shape:
                return None

        def read(symbol: Symbol) -> float:
            value: Any = sums[symbol.name] if symbol.name in sums else options[symbol.name]
            value = value if symbol.index is None else value[symbol.index]
            if not isinstance(value, float | int):
                raise NotOnHost
            return float(value)

        found = self.numbers(read)
        count = len(self.answers)
        if found[:count] != self.answers:
            return None
        return dict(zip(self.names, map(float, found[count:]), strict=True))


_lessons: dict[Any, list[Lesson]] = {}
_called: set[Any] = set()
"""The classes whose text is called."""


def lesson(owner: Any, options: Mapping[str, Any], sums: Mapping[str, float]) -> dict[str, float] | None:
    """Give what a class learns from sums, by its graph; None where its text has to be called."""
    if owner in _called:
        return None
    known = _lessons.setdefault(owner, [])
    try:
        for each in known:
            found = each(options, sums)
            if found is not None:
                return found
        new = _read(owner, options)
        if new is None or len(known) == MOST:
            _called.add(owner)
            return None
        known.append(new)
        return new(options, sums)
    except NotOnHost:
        return None


def _read(owner: Any, options: Mapping[str, Any]) -> Lesson | None:
    """Read the text of a class; None where it says something else each time, or what no graph says."""
    try:
        (new, chosen, decisions), (again, *_) = _traced(owner, options), _traced(owner, options)
        if not are_alike(new, again):
            return None
        conditions = [condition for condition, _ in decisions]
        numbers = NumbersOnHost([*conditions, *new.values()])
    except Exception:
        # Whatever is wrong with the text, calling it will say.
        return None
    return Lesson(tuple(new), chosen, [answer for _, answer in decisions], numbers)


def _traced(owner: Any, options: Mapping[str, Any]) -> tuple[dict[str, Expr], dict[str, Any], list[tuple[Expr, bool]]]:
    """Call the text with symbols; give what it returns, the choices that it read, and how its questions were met."""
    chosen: dict[str, Any] = {}
    decisions: list[tuple[Expr, bool]] = []
    asked = [options]

    def decide(condition: Expr) -> bool:
        decisions.append((condition, bool(evaluate(condition, *asked))))
        return decisions[-1][1]

    def read(name: str) -> Any:
        value = options[name]
        if not all(map(is_number, value if isinstance(value, tuple | list) else (value,))):
            chosen[name] = shape_of(value)
        return symbolic(name, value, decide)

    sums = {name: Symbol(name, "group") for name in (*owner.measures, *owner.surveys)}
    outputs = checked_learned(owner, "learn", owner.learn(Group(owner, read), **sums))
    # A lesson is kept for ever, and its symbols know who decides: not so the group, with its parameters.
    asked.clear()
    return {name: as_number(as_expr(value)) for name, value in outputs.items()}, chosen, decisions
