"""What processes add up in a step: sums over parameters of which each has a part, in one message for each moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise, zip_longest
from typing import Any

import torch
from torch import Tensor

from ..distributed.local_parameter import LocalParameter
from ..distributed.sums import LeftError, StoppedError, Sums, differing
from ..formula.passes import passes
from ..formula.program import Program
from ..formula.trace import formula_of
from ..state.convert import in_line
from ..state.keeping import formats
from ..state.names import name_in
from .choice import program_for
from .gradients import numbered, ready_to
from .rules import is_measured, measuring_rule_for, rule_for
from .seams import Seams

Layout = tuple[tuple[int, ...], ...]
"""For each moment of a step, how many sums each sharded parameter has then; the first is that of the common norm."""


BEFORE, AT_THE_END, SEAMS, FIRST_PASS = range(4)
"""The moments of a step at which processes share: the common norm, what the last passes have measured, the largest
sizes in blocks that lie on several, and, before that, the sums of each pass."""

MOMENTS = (
    "the common norm of all gradients",
    "what was measured of the step",
    "the largest sizes in blocks",
    "sums over parameters",
)
"""What they share at each moment, in words."""


class ToldError(RuntimeError):
    """Raised on each process where one of them has said why it cannot step."""


class Sharing:
    """The sums of one optimizer's sharded parameters: who adds what, and whether all processes agree on it."""

    def __init__(self, optimizer: Any) -> None:
        pairs = [(group, param) for group, param in numbered(optimizer.param_groups)]
        self.pairs = [(group, param) for group, param in pairs if isinstance(param, LocalParameter)]
        self.places = {id(param): place for place, (_, param) in enumerate(self.pairs)}
        self.name, self.optimizer = type(optimizer).__name__, optimizer
        self.sums: Sums | None = None
        self.agreed: set[Layout] = set()
        self.last: Layout = ()
        self.layout: Layout = ()
        self.is_silent = True
        """True until this step's first message."""
        self.known: dict[Any, Any] = {}

    def planned(self) -> Layout:
        """Find out what is to be added up in the next step, and that all processes are of one mind about it."""
        # What is known of plans that are no more is not kept.
        self.known.clear()
        self.layout = layout_of(self.optimizer, self.pairs)
        if any(map(any, self.layout)) and self.layout not in self.agreed:
            self._meet()
            self._agree(None)
        return self.layout

    def explain(self) -> Iterator[str]:
        """Say which messages a step takes, and how long each is."""
        layout = layout_of(self.optimizer, self.pairs)
        order = [BEFORE, *range(FIRST_PASS, len(layout)), SEAMS, AT_THE_END]
        taken = [moment for moment in order if moment < len(layout) and any(layout[moment])]
        for moment in taken:
            size = 4 * sum(layout[moment]) if moment == SEAMS else 8 * (1 + sum(layout[moment]))
            yield f"a step takes one all_reduce of {size:,} bytes: {MOMENTS[min(moment, FIRST_PASS)]}"
        if not taken:
            yield "a step takes no collective"

    def _meet(self) -> None:
        """Make sure of whom this process adds up with."""
        if self.sums is None:
            shards = [param.shard for _, param in self.pairs]
            if pair := differing(shards):
                names = [name_in(self.optimizer.param_groups, param) for _, param in self.pairs if param.shard in pair]
                raise ToldError(
                    f"{self.name} takes sums over parameters, but {names[0]} is shared by processes "
                    f"{pair[0].mesh.mesh.tolist()} and {names[1]} by {pair[1].mesh.mesh.tolist()}: use an optimizer "
                    "for each mesh"
                )
            self.sums = Sums(shards, self.name)

    def _agree(self, fault: str | None) -> None:
        """Hear what all are about to do; raises RuntimeError on each where one cannot, or is of another mind."""
        assert self.sums is not None
        if self.last and self.is_silent:
            self._interrupt()
        told = self.sums.told((fault, self._described()))
        for rank, (other, _) in zip(self.sums.ranks, told, strict=True):
            if other and not fault:
                raise ToldError(f"{self.name} cannot step, as process {rank} cannot: {other}")
        for rank, (_, described) in zip(self.sums.ranks, told, strict=True):
            if described != told[0][1] and not fault:
                raise ToldError(
                    f"{self.name} takes sums over parameters, which must be the same on all processes, but process "
                    f"{self.sums.ranks[0]} has {told[0][1][0]} and process {rank} has {described[0]}: {self.DO}"
                )
        if not fault:
            self.agreed.add(self.layout)

    DO = "give each process the same parameters, groups and options"

    def _described(self) -> tuple[str, Any]:
        groups = self.optimizer.param_groups
        counts = [len(group["params"]) for group in groups]
        shapes = [(param.shard.shape, str(param.shard.placements)) for _, param in self.pairs]
        words = f"{sum(counts)} parameters in groups of {counts}, {len(shapes)} of them sharded"
        return f"{words}, with {sum(map(sum, self.layout))} sums", (shapes, self.layout)

    def _interrupt(self) -> None:
        """Let those who wait for the message of last time know that there is something to tell."""
        assert self.sums is not None
        order = [BEFORE, *range(FIRST_PASS, len(self.last)), AT_THE_END]
        count = next(sum(self.last[moment]) for moment in order if any(self.last[moment]))
        try:
            self.sums.add(torch.zeros(count, dtype=torch.float64), "sums", trouble=True)
        except StoppedError:
            self.is_silent = False

    def fail(self, error: Exception) -> None:
        """Tell the others that this process cannot take the step, if they wait for it."""
        if self.is_silent and not isinstance(error, ToldError | LeftError):
            self.layout = layout_of(self.optimizer, self.pairs)
            if any(map(any, self.layout)):
                self._meet()
                self._agree(f"{type(error).__name__}: {error}")

    def begin(self, layout: Layout) -> None:
        """Begin a step of a plan."""
        self.layout = layout

    def at(self, moment: int) -> bool:
        """Tell if something is added up at a moment."""
        return moment < len(self.layout) and any(self.layout[moment])

    def add(self, moment: int, tables: Sequence[tuple[Sequence[Tensor], Sequence[Any]]]) -> list[list[float]]:
        """Add up the columns of tables that have a row for each parameter: all in one message.

        Gives the sums of sharded parameters that are in no table: here they have no gradients, elsewhere they may.
        """
        assert self.sums is not None
        message = torch.zeros(sum(self.layout[moment]), dtype=torch.float64)
        cells = [(columns, self._cells(params, moment)) for params, columns in tables]
        for columns, (rows, places, counted) in cells:
            for index, column in enumerate(columns):
                message[places + index] = _at(column, rows) * counted
        try:
            found = self.sums.add(message, MOMENTS[min(moment, FIRST_PASS)])
        except StoppedError:
            self.is_silent = False
            self._agree(None)
            raise ToldError(f"{self.name} cannot step, as another process plans anew: step again") from None
        self.is_silent, self.last = False, self.layout
        for columns, (rows, places, _) in cells:
            for index, column in enumerate(columns):
                _put(column, rows, found[places + index])
        here = {id(param) for params, _ in tables for param in params}
        starts = [0, *accumulate(self.layout[moment])]
        if all(id(param) in here for _, param in self.pairs):
            return []
        pieces = pairwise(starts)
        return [
            [] if id(param) in here else found[first:last].tolist()
            for (_, param), (first, last) in zip(self.pairs, pieces, strict=True)
        ]

    def measured_elsewhere(self, found: Sequence[Sequence[float]]) -> Iterator[tuple[str, float]]:
        """Give what the last pass has measured of parameters that have no gradients here, each with its name."""
        for (group, param), numbers in zip(self.pairs, found, strict=False):
            if numbers:
                names = _programs(self.optimizer, group, param)[-1].totals
                yield from zip(names, numbers, strict=True)

    def add_peaks(self, seams: Sequence[Seams]) -> None:
        """Take the largest of what processes have found in blocks that they have parts of: all in one message."""
        assert self.sums is not None
        # As whole numbers, sizes are in the same order, and what is no number is the largest.
        message = torch.zeros(sum(self.layout[SEAMS]), dtype=torch.int32)
        starts = [0, *accumulate(self.layout[SEAMS])]
        places = [each.places([starts[self.places[id(param)]] for param in each.params]) for each in seams]
        for each, own in zip(seams, places, strict=True):
            message.scatter_reduce_(0, own, each.found(), "amax")
        message = self.sums.largest(message, "the largest sizes in blocks that lie on several")
        for each, own in zip(seams, places, strict=True):
            each.put(message[own])

    def all(self, is_so: bool) -> bool:
        """Tell if something is so on each process; on all of them it is asked at the same time."""
        if self.sums is None:
            return is_so
        return not self.sums.add(torch.tensor([float(not is_so)], dtype=torch.float64), "whether gradients are finite")

    def _cells(self, params: Sequence[Tensor], moment: int) -> Any:
        """Find the rows of sharded parameters, their places in the message, and whether this process's part counts."""
        key = id(params), moment
        if key not in self.known or self.known[key][0] is not params:
            counts = self.layout[moment]
            starts = [0, *accumulate(counts)]
            local = [(row, param) for row, param in enumerate(params) if isinstance(param, LocalParameter)]
            found = [(row, self.places[id(param)], param) for row, param in local]
            self.known[key] = (
                params,
                torch.tensor([row for row, _, _ in found], dtype=torch.int64),
                torch.tensor([starts[place] for _, place, _ in found], dtype=torch.int64),
                torch.tensor([float(param.shard.is_first_copy) for _, _, param in found], dtype=torch.float64),
            )
        return self.known[key][1:]


def _at(column: Any, rows: Tensor) -> Tensor:
    """Read some rows of a column, wherever it is."""
    return torch.as_tensor(column)[rows.to(getattr(column, "device", "cpu"))].cpu()


def _put(column: Any, rows: Tensor, numbers: Tensor) -> None:
    """Write some rows of a column."""
    there = torch.as_tensor(column)
    there[rows.to(there.device)] = numbers.to(there.device)


def is_local(param: Tensor) -> bool:
    """Tell if a parameter is what this process has of a sharded one."""
    return isinstance(param, LocalParameter)


def layout_of(optimizer: Any, pairs: Sequence[tuple[Any, LocalParameter]]) -> Layout:
    """Say how many sums there are at each moment of the next step, whichever parameters have gradients."""
    counts = [_counts(optimizer, group, param) for group, param in pairs]
    return tuple(zip_longest(*counts, fillvalue=0))


def _counts(optimizer: Any, group: Any, param: LocalParameter) -> list[int]:
    """Count the sums of one parameter: of its gradient before, and of each pass."""
    own = [len(each.totals) for each in _programs(optimizer, group, param) if not each.finds_seams]
    options = ready_to(optimizer, group, param, param, 0).options
    measure = 0
    if is_measured(optimizer):
        measure = len(program_for(formula_of(measuring_rule_for(optimizer, group), options), {}, param).totals)
    seams = _programs(optimizer, group, param)[-1].seams
    # What is measured by the last pass comes after all others, at one moment for parameters of whatever rule.
    return [measure, own[-1], len(seams) * len(param.seams) if seams else 0, *own[:-1]]


def _programs(optimizer: Any, group: Any, param: LocalParameter) -> list[Program]:
    """Find the passes of a parameter's next step."""
    options = ready_to(optimizer, group, param, param, 0).options
    formula, state = formula_of(rule_for(optimizer, group), options), optimizer.state.get(param, {})
    kept = dict(formats(formula.rule, formula.states, param, group, in_line(formula.rule, state, param, group)))
    return list(passes(program_for(formula, kept, param)))
