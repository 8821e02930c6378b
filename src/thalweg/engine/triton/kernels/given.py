"""Numbers that follow from the options alone: the host computes them when an option changes, and no kernel need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....formula.rule.facts import FACTS, SHAPE
from ....formula.tracing.program import Program
from ....formula.tracing.trace import evaluate
from ...launches.row import Row


def is_fact(name: str) -> bool:
    """Tell if a number is known of a parameter once and for all."""
    return name == "param_index" or name in FACTS or name.startswith(SHAPE)


def is_given(program: Program) -> bool:
    """Tell if numbers change with the options alone, but for the first step of a rule without a count."""
    known = () if program.formula.rule.counts_steps else ("step_count",)
    return not program.updates and all(
        item.scope == "group" or item.name in known or is_fact(item.name) for item in program.inputs
    )


def counts_by_itself(program: Program) -> bool:
    """Tell if the pass over elements counts the step: no number waits for the count."""
    return program.is_last and is_given(program) and "step" in program.scalars


class GivenNumbers:
    """A row of numbers for each parameter, in memory that is sent to the device."""

    def __init__(self, program: Program, rows: Sequence[Row], places: Sequence[int]) -> None:
        self.program, self.rows, self.places = program, rows, places
        self.table = np.zeros((len(rows), max(len(program.numbers), 1)))
        self.facts = [item.name for item in program.inputs if item.scope == "parameter" and is_fact(item.name)]
        """What is asked of a parameter."""
        self.is_new = True
        """True before the first step: a rule without a count asks for it."""

    @property
    def is_first(self) -> bool:
        """True if some parameter takes its first step, and the formula may ask."""
        return self.is_new and any(row.is_fresh for row in self.rows) and "step" in self.program.scalars

    def fill(self, options: Any) -> None:
        """Compute the numbers from a table of options, once for all parameters that are alike."""
        known: dict[Any, list[float]] = {}
        for row, place, numbers in zip(self.rows, self.places, self.table, strict=True):
            facts = {name: row.numbers[name] for name in self.facts}
            facts["step_count"] = 1.0 if self.is_new and row.is_fresh else 2.0
            key = place, *facts.values()
            if key not in known:
                group = self._options(options.ravel()[place:])
                known[key] = [float(evaluate(number, group, **facts)) for number in self.program.numbers]
            numbers[: len(known[key])] = known[key]

    def _options(self, values: Any) -> dict[str, Any]:
        """Give the options of a group by name, those of several numbers by name and index."""
        group: dict[str, Any] = {}
        for symbol, value in zip(self.program.options, values, strict=False):
            if symbol.index is None:
                group[symbol.name] = value
            else:
                group.setdefault(symbol.name, {})[symbol.index] = value
        return group
