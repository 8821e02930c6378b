"""The options of the groups of a launch as numbers for its kernel: read again only where something may have changed."""

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from ...formula.graph.expr import Symbol, symbols
from ...formula.rule.facts import SHAPE, Known
from ...formula.rule.phases import PHASE
from ...formula.tracing.option_symbols import NUMBER, shape_of
from ...formula.tracing.trace import Formula, as_float
from ...state.noted import Log
from .edits import are_in_range, counts_of, fit_parameters, go_together

CHOICES = ("rounding", "state_dtype", "seed", "max_grad_norm", "skip_nonfinite", "differentiable", "fused")
"""The options that decide what kernels there are, or whether there are any, whatever the formula."""


class Options:
    """A table with a row for each group and a column for each number, at an address that stays."""

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        formula: Formula,
        columns: Sequence[Symbol],
        more: Mapping[str, Any],
        members: Sequence[Known],
    ) -> None:
        self.groups, self.formula, self.columns, self.more = groups, formula, columns, more
        self.asked = _apart(members, formula.facts)
        """The groups again, with what is known of their parameters where the formula has asked for it."""
        self.shaping = frozenset[str]().union(*(member.shaping for member in members))
        """The options that say which dimensions are rows: what follows from them is known of each parameter."""
        self.table = np.zeros((len(groups), max(len(columns), 1)))
        # No matter of the formula, but of what is made of it: a group may have its own.
        choices = (*CHOICES, *formula.rule.owner.routes)
        self.chosen = {name: [shape_of(group[name]) for group in groups] for name in choices}
        self.counts = counts_of(formula.rule.owner)
        """The options that say into how many pieces parameters are cut, which not all of them can be."""
        asked = (*formula.structure, *self.shaping, *choices, *self.counts)
        self.names = dict.fromkeys(name for name in asked if name not in (SHAPE, PHASE))
        self.decided = {symbol.name for condition, _ in formula.decisions for symbol in symbols(condition)}
        self.known: dict[str, list[Any]] = {}
        self.volatile: list[str] = []
        """The options that may change in place: they are read every time."""
        self.log = _common_log(groups)
        self.seen = -1
        self.is_steady = False
        """True if nothing changes but what the log notes."""
        self.refresh()

    def address(self, row: int) -> int:
        """Return where the numbers of a group are."""
        return int(self.table.ctypes.data + row * self.table.strides[0])

    def refresh(self) -> bool:
        """Bring the numbers up to date; False if some group's options now select another formula."""
        if self.is_steady and self.log.count == self.seen:  # type: ignore[union-attr]
            return True
        if not self._take_all(self._suspects()):
            self.known.clear()
            self.seen = -1
            return False
        if self.log is not None:
            self.seen = self.log.count
        if self.more:
            self.fill_in_numbers_of_the_step()
        self.is_steady = not (self.log is None or self.volatile or self.more)
        return True

    def _take_all(self, names: Sequence[str]) -> bool:
        """Take over options; of one that is missing, or cannot be compared, the next plan says what is wrong."""
        try:
            return all(map(self._take, names))
        except (KeyError, TypeError, ValueError, RuntimeError):
            return False

    def _suspects(self) -> list[str]:
        if self.log is None:
            return list(self.names)
        if self.log.count == self.seen:
            return self.volatile
        return self.log.since(self.seen, self.names) + self.volatile

    def _take(self, name: str) -> bool:
        """Take over one option of all groups."""
        values = list(map(itemgetter(name), self.groups))
        # A tensor may be equal to the number that it replaces, and change later.
        is_mutable = any(map(_is_mutable, values))
        if not is_mutable and values == self.known.get(name):
            return True
        owner = self.formula.rule.owner
        if not are_in_range(owner, name, values):
            return False
        if name in self.counts and not fit_parameters(owner, self.groups):
            return False
        if is_mutable and name not in self.volatile and not go_together(owner, self.groups):
            return False
        if not self._fits(name, values):
            return False
        self.known[name] = values
        if is_mutable and name not in self.volatile:
            self.volatile.append(name)
        for column, symbol in enumerate(self.columns):
            if symbol.name == name:
                self._fill(column, values if symbol.index is None else [value[symbol.index] for value in values])
        return True

    def _fill(self, column: int, numbers: Sequence[Any]) -> None:
        """Take over a column of the table."""
        self.table[:, column] = numbers if _are_plain(numbers) else list(map(as_float, numbers))

    def _fits(self, name: str, values: list[Any]) -> bool:
        """Tell if these values of an option still select the formula."""
        if name in self.shaping and values != self.known.get(name, values):
            return False
        if name in self.decided:
            return all(map(self.formula.fits, self.asked))
        if name in self.chosen:
            return list(map(shape_of, values)) == self.chosen[name]
        if name not in self.formula.structure:
            return True
        shape = self.formula.structure[name]
        return (shape is NUMBER and _are_plain(values)) or all(shape_of(value) == shape for value in values)

    def fill_in_numbers_of_the_step(self) -> None:
        """Take over what was found out in this step."""
        for column, symbol in enumerate(self.columns):
            if symbol.name in self.more:
                self._fill(column, [self.more[symbol.name]] * len(self.groups))


def _apart(members: Sequence[Known], facts: Collection[str]) -> list[Known]:
    """Take one of all parameters of a group of which the same is known."""
    return list({(id(member.group), *(member[name] for name in facts)): member for member in members}.values())


def _common_log(groups: Sequence[dict[str, Any]]) -> Log | None:
    """Find the log that all groups share; a plain dict, put in by hand, has none."""
    logs = {id(log): log for log in (getattr(group, "log", None) for group in groups)}
    return next(iter(logs.values())) if len(logs) == 1 else None


def _are_plain(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {float, int}


def _is_mutable(value: Any) -> bool:
    """Tell if a value may change in place, as tensors, lists and NumPy's arrays may."""
    is_array = isinstance(value, list) or hasattr(value, "__array__")
    return is_array or (isinstance(value, tuple) and any(map(_is_mutable, value)))
