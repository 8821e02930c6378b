"""What processes add up in a step: sums over parameters of which each has a part, in one message for each moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.owned_parameter import OwnedParameter
from ...distributed.shards import LocalShard
from ...distributed.sums import LeftError, StoppedError, Sums, differing
from ...state.names import name_in
from ..decisions.gradients import numbered
from ..pieces.seams import Seams
from .moments import DUE, SEAMS, Layout, in_order, layout_of, measured, words


class ToldError(RuntimeError):
    """Raised on each process where one of them has said why it cannot step."""


class ChangedError(Exception):
    """Raised on each process before anything changes, where parameters are not what the plan was made for."""


class Sharing:
    """The sums of one optimizer's sharded parameters: who adds what, and whether all processes agree on it."""

    def __init__(self, optimizer: Any, bring: Callable[[bool], None]) -> None:
        """Have owners get what they step by `bring`: parameters that somebody has written, or else gradients."""
        pairs = [(group, param) for group, param in numbered(optimizer.param_groups)]
        self.pairs = [(group, param) for group, param in pairs if isinstance(param, LocalParameter | OwnedParameter)]
        self.owned = [param for _, param in self.pairs if isinstance(param, OwnedParameter)]
        self.bring, self.is_of_one_mesh = bring, differing([sharding(param) for _, param in self.pairs]) is None
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
        self.layout = self._layout()
        if any(map(any, self.layout)) and self.layout not in self.agreed:
            self._meet()
            self._agree(None)
        return self.layout

    def explain(self) -> Iterator[str]:
        """Say which messages a step takes, and how long each is."""
        layout = self._layout()
        for moment in in_order(layout):
            size = 4 * sum(layout[moment]) if moment == SEAMS else 8 * (1 + sum(layout[moment]))
            yield f"a step takes one all_reduce of {size:,} bytes: {words(moment)}"

    def _layout(self) -> Layout:
        """Say what is shared; of several meshes, nobody hears who is due."""
        found = layout_of(self.optimizer, self.pairs)
        return found if self.is_of_one_mesh else (*found[:DUE], (0,) * len(self.pairs), *found[DUE + 1 :])

    def _meet(self) -> None:
        """Make sure of whom this process adds up with."""
        if self.sums is None:
            shards = [sharding(param) for _, param in self.pairs]
            if pair := differing(shards):
                members = [param for _, param in self.pairs if sharding(param) in pair]
                names = [name_in(self.optimizer.param_groups, param) for param in members]
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
                    f"{self.name} steps parameters that processes share, which must be the same on all of them, but "
                    f"process {self.sums.ranks[0]} has {told[0][1][0]} and process {rank} has {described[0]}: {self.DO}"
                )
        if not fault:
            self.agreed.add(self.layout)

    DO = "give each process the same parameters, groups and options"

    def _described(self) -> tuple[str, Any]:
        groups = self.optimizer.param_groups
        counts = [len(group["params"]) for group in groups]
        shards = [sharding(param) for _, param in self.pairs]
        shapes = [(shard.shape, str(shard.placements)) for shard in shards]
        words = f"{sum(counts)} parameters in groups of {counts}, {len(shapes)} of them sharded"
        return f"{words}, with {sum(map(sum, self.layout))} shared numbers", (shapes, self.layout)

    def _interrupt(self) -> None:
        """Let those who wait for the message of last time know that there is something to tell."""
        assert self.sums is not None
        count = sum(self.last[next(moment for moment in in_order(self.last) if moment != SEAMS)])
        try:
            self.sums.add(torch.zeros(count, dtype=torch.float64), "sums", trouble=True)
        except StoppedError:
            self.is_silent = False

    def fail(self, error: Exception) -> None:
        """Tell the others that this process cannot take the step, if they wait for it."""
        if self.is_silent and not isinstance(error, ToldError | LeftError):
            self.layout = self._layout()
            if any(map(any, self.layout)):
                self._meet()
                self._agree(f"{type(error).__name__}: {error}")

    def begin(self, layout: Layout) -> None:
        """Begin a step of a plan: hear who is due, and have owners get their gradients.

        Raises ToldError where processes have gradients of different matrices, ChangedError where the plan was made
        before somebody wrote a parameter: by then, its owner has it.
        """
        self.layout = layout
        # Of several meshes nobody hears: there, all processes must write a parameter at once.
        is_changed = self._attend() if self.at(DUE) else any(param.is_changed for param in self.owned)
        self.bring(is_changed)
        if is_changed:
            raise ChangedError

    def _attend(self) -> bool:
        """Hear of which matrices all have gradients, and tell if somebody has written any."""
        assert self.sums is not None
        members = [param for (_, param), count in zip(self.pairs, self.layout[DUE], strict=True) if count]
        due = [param.is_due if isinstance(param, OwnedParameter) else param.grad is not None for param in members]
        changed = [param.is_changed for param in self.owned]
        found = self._added(torch.tensor([*due, *changed], dtype=torch.float64), DUE)
        for param, is_due, count in zip(members, due, found.tolist(), strict=False):
            if count not in (0, len(self.sums.ranks)):
                raise ToldError(
                    f"{self.name} multiplies whole matrices, for which all processes must have gradients of the same "
                    f"ones, but {name_in(self.optimizer.param_groups, param)} has a gradient on {int(count)} of "
                    f"{len(self.sums.ranks)} processes, and {'one' if is_due else 'none'} here: run backward() on all "
                    "of them, or on none"
                )
        return bool(found[len(members) :].any())

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
        found = self._added(message, moment)
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

    def _added(self, message: Tensor, moment: int) -> Tensor:
        assert self.sums is not None
        try:
            found = self.sums.add(message, words(moment))
        except StoppedError:
            self.is_silent = False
            self._agree(None)
            raise ToldError(
                f"{self.name} cannot step, since another process is making a new plan: call step() again"
            ) from None
        self.is_silent, self.last = False, self.layout
        return found

    def measured_elsewhere(self, found: Sequence[Sequence[float]]) -> Iterator[tuple[str, float]]:
        """Give what the last pass has measured of parameters that have no gradients here, each with its name."""
        for (group, param), numbers in zip(self.pairs, found, strict=False):
            if numbers:
                yield from zip(measured(self.optimizer, group, param), numbers, strict=True)

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
            shared = [(row, self.places[id(param)]) for row, param in enumerate(params) if id(param) in self.places]
            # An owner's sums over whole parameters are nobody else's.
            found = [(row, place, self.pairs[place][1]) for row, place in shared if counts[place]]
            self.known[key] = (
                params,
                torch.tensor([row for row, _, _ in found], dtype=torch.int64),
                torch.tensor([starts[place] for _, place, _ in found], dtype=torch.int64),
                torch.tensor([float(counts_here(param)) for _, _, param in found], dtype=torch.float64),
            )
        return self.known[key][1:]


def _at(column: Any, rows: Tensor) -> Tensor:
    """Read some rows of a column, wherever it is."""
    return torch.as_tensor(column)[rows.to(getattr(column, "device", "cpu"))].cpu()


def _put(column: Any, rows: Tensor, numbers: Tensor) -> None:
    """Write some rows of a column."""
    there = torch.as_tensor(column)
    there[rows.to(there.device)] = numbers.to(there.device)


def sharding(param: Any) -> LocalShard:
    """Say what this process has of the sharded parameter that a local one is."""
    shard: LocalShard = param.sharding if isinstance(param, OwnedParameter) else param.shard
    return shard


def counts_here(param: Any) -> bool:
    """Tell if what this process has of a parameter counts in sums."""
    return isinstance(param, OwnedParameter) or param.shard.is_first_copy


def is_local(param: Tensor) -> bool:
    """Tell if a parameter is what this process has of a sharded one."""
    return isinstance(param, LocalParameter)
