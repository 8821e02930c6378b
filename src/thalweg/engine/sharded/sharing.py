"""What processes add up in a step: sums over parameters of which each has a part, in one message for each moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.owned_parameter import OwnedParameter
from ...distributed.sums import LeftError, StoppedError, Sums, differing
from ...state.names import name_in
from ..decisions.gradients import numbered
from ..pieces.seams import Seams
from . import cells
from .moments import DUE, SEAMS, Layout, in_order, layout_of, measured, words
from .several_meshes import SeveralMeshes
from .shared_parameters import counts_here, is_changed, is_due, sharding


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
        self.meshes: SeveralMeshes | None = None
        self.agreed: set[Layout] = set()
        self.last: Layout = ()
        self.layout: Layout = ()
        self.totals: list[int] = []
        """How many numbers all parameters together have at each moment."""
        self.is_silent = True
        """True until this step's first message."""
        self.known: dict[Any, Any] = {}

    def planned(self) -> Layout:
        """Find out what is to be added up in the next step, and that all processes are of one mind about it."""
        # What is known of plans that are no more is not kept.
        self.known.clear()
        self._lay_out(layout_of(self.optimizer, self.pairs))
        if any(self.totals) and self.layout not in self.agreed:
            self._meet()
            self._agree(None)
        return self.layout

    def _lay_out(self, layout: Layout) -> None:
        """Take over what is to be added up; most steps are laid out as the one before."""
        if layout is not self.layout:
            self.layout, self.totals = layout, list(map(sum, layout))
            if not self.is_of_one_mesh:
                # That is heard of each mesh by itself.
                self.totals[DUE] = 0

    def explain(self) -> Iterator[str]:
        """Say which messages a step takes, and how long each is."""
        layout = layout_of(self.optimizer, self.pairs)
        for moment in in_order(layout):
            if moment == DUE and not self.is_of_one_mesh:
                yield f"a step takes one all_reduce for each mesh, and one for all of them: {words(moment)}"
                continue
            size = 4 * sum(layout[moment]) if moment == SEAMS else 8 * (1 + sum(layout[moment]))
            yield f"a step takes one all_reduce of {size:,} bytes: {words(moment)}"

    def _meet(self) -> None:
        """Make sure of whom this process adds up with."""
        if self.sums is None:
            shards = [sharding(param) for _, param in self.pairs]
            if differing(shards):
                raise self._of_several_meshes("takes sums over parameters")
            self.sums = Sums(shards, self.name)

    def _of_several_meshes(self, what: str) -> ToldError:
        """Say that parameters are shared by different processes, where that cannot be."""
        pair = differing([sharding(param) for _, param in self.pairs])
        assert pair is not None
        members = [param for _, param in self.pairs if sharding(param) in pair]
        names = [name_in(self.optimizer.param_groups, param) for param in members]
        return ToldError(
            f"{self.name} {what}, but {names[0]} is shared by processes {pair[0].mesh.mesh.tolist()} and {names[1]} by "
            f"{pair[1].mesh.mesh.tolist()}: use an optimizer for each mesh"
        )

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
                    f"process {self.sums.ranks[0]} has {told[0][1][0]} and process {rank} has {described[0]}: "
                    "give each process the same parameters, groups and options"
                )
        if not fault:
            self.agreed.add(self.layout)

    def _described(self) -> tuple[str, Any]:
        groups = self.optimizer.param_groups
        counts = [len(group["params"]) for group in groups]
        shards = [sharding(param) for _, param in self.pairs]
        shapes = [(shard.shape, str(shard.placements)) for shard in shards]
        words = f"{sum(counts)} parameters in groups of {counts}, {len(shapes)} of them sharded"
        return f"{words}, with {sum(self.totals)} shared numbers", (shapes, self.layout)

    def _interrupt(self) -> None:
        """Let those who wait for the message of last time know that there is something to tell."""
        assert self.sums is not None
        count = sum(self.last[next(moment for moment in in_order(self.last) if moment != SEAMS)])
        try:
            self.sums.add(torch.zeros(count, dtype=torch.float64, device="cpu"), "sums", trouble=True)
        except StoppedError:
            self.is_silent = False

    def fail(self, error: Exception) -> None:
        """Tell the others that this process cannot take the step, if they wait for it."""
        if self.is_silent and not isinstance(error, ToldError | LeftError):
            self._lay_out(layout_of(self.optimizer, self.pairs))
            fault = f"{type(error).__name__}: {error}"
            if any(self.totals):
                self._meet()
                self._agree(fault)
            elif self._is_heard_by_mesh:
                with suppress(ToldError):
                    self._hear(fault)

    def begin(self, layout: Layout) -> None:
        """Begin a step of a plan: hear who is due, and have owners get their gradients.

        Raises ToldError where processes have gradients of different matrices, ChangedError where the plan was made
        before somebody wrote a parameter: by then, its owner has it.
        """
        self._lay_out(layout)
        is_changed = self._attend() if self.at(DUE) else self._is_heard_by_mesh and self._hear(None)
        self.bring(is_changed)
        if is_changed:
            raise ChangedError

    @property
    def _is_heard_by_mesh(self) -> bool:
        """True if some matrices have owners, and the parameters are of several meshes."""
        return not self.is_of_one_mesh and any(self.layout[DUE])

    def _hear(self, fault: str | None) -> bool:
        """Hear the same of parameters of several meshes, or tell why this process cannot step."""
        params = [param for _, param in self.pairs]
        if self.meshes is None:
            try:
                self.meshes = SeveralMeshes(self.name, params, list(map(sharding, params)), self._differ)
            except ValueError:
                raise self._of_several_meshes("multiplies whole matrices") from None
        try:
            return self.meshes.hear(self.layout[DUE], fault)
        except StoppedError as error:
            raise ToldError(str(error)) from None
        finally:
            self.is_silent = False

    def _differ(self, param: Any, count: int, processes: int) -> str:
        """Say that not all processes have a gradient of a matrix."""
        return (
            f"{self.name} multiplies whole matrices, for which all processes must have gradients of the same ones, but "
            f"{name_in(self.optimizer.param_groups, param)} has a gradient on {count} of {processes} processes, and "
            f"{'one' if is_due(param) else 'none'} here: run backward() on all of them, or on none"
        )

    def _attend(self) -> bool:
        """Hear of which matrices all have gradients, and tell if somebody has written any."""
        assert self.sums is not None
        members = [param for (_, param), count in zip(self.pairs, self.layout[DUE], strict=True) if count]
        changed = map(is_changed, self.owned)
        found = self._added(torch.tensor([*map(is_due, members), *changed], dtype=torch.float64, device="cpu"), DUE)
        for param, count in zip(members, found.tolist(), strict=False):
            if count not in (0, len(self.sums.ranks)):
                raise ToldError(self._differ(param, int(count), len(self.sums.ranks)))
        return bool(found[len(members) :].any())

    def at(self, moment: int) -> bool:
        """Tell if something is added up at a moment."""
        return moment < len(self.totals) and self.totals[moment] > 0

    def add(self, moment: int, tables: Sequence[tuple[Sequence[Tensor], Sequence[Any]]]) -> list[list[float]]:
        """Add up the columns of tables that have a row for each parameter: all in one message.

        Gives the sums of sharded parameters that are in no table: here they have no gradients, elsewhere they may.
        """
        assert self.sums is not None
        # Of so few numbers, NumPy is told in a third of the time.
        message = np.zeros(self.totals[moment])
        whose = [(columns, self._cells(params, moment)) for params, columns in tables]
        for columns, (rows, places, counted) in whose:
            for index, column in enumerate(columns):
                message[places + index] = cells.read(column, rows) * counted
        found = self._added(torch.from_numpy(message), moment).numpy()
        for columns, (rows, places, _) in whose:
            for index, column in enumerate(columns):
                cells.write(column, rows, found[places + index])
        elsewhere = self._elsewhere([params for params, _ in tables])
        if not elsewhere:
            return []
        pieces = pairwise([0, *accumulate(self.layout[moment])])
        return [found[first:last].tolist() if place in elsewhere else [] for place, (first, last) in enumerate(pieces)]

    def _elsewhere(self, tables: Sequence[Sequence[Tensor]]) -> set[int]:
        """Find the places of sharded parameters that are in no table."""
        key = tuple(map(_key, tables))
        if key not in self.known:
            here = {id(param) for params in tables for param in params}
            self.known[key] = {place for place, (_, param) in enumerate(self.pairs) if id(param) not in here}
        return self.known[key]  # type: ignore[no-any-return]

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
        message = torch.zeros(self.totals[SEAMS], dtype=torch.int32, device="cpu")
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
        return not self.sums.add(
            torch.tensor([float(not is_so)], dtype=torch.float64, device="cpu"), "whether gradients are finite"
        )

    def _cells(self, params: Sequence[Tensor], moment: int) -> Any:
        """Find the rows of sharded parameters, their places in the message, and whether this process's part counts."""
        key = _key(params), moment
        if key not in self.known:
            counts = self.layout[moment]
            starts = [0, *accumulate(counts)]
            shared = [(row, self.places[id(param)]) for row, param in enumerate(params) if id(param) in self.places]
            # An owner's sums over whole parameters are nobody else's.
            found = [(row, place, self.pairs[place][1]) for row, place in shared if counts[place]]
            self.known[key] = (
                params,
                np.array([row for row, _, _ in found], np.int64),
                np.array([starts[place] for _, place, _ in found], np.int64),
                np.array([float(counts_here(param)) for _, _, param in found]),
            )
        return self.known[key][1:]


def _key(params: Sequence[Tensor]) -> int:
    """Tell lists of parameters apart: those of launches stay as long as their plan, others are made for each step."""
    return id(params[0]) if len(params) == 1 else id(params)
