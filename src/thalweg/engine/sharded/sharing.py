"""What processes add up in a step: sums over parameters of which each has a part, in one message for each moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.owned_parameter import OwnedParameter
from ...distributed.sums import StoppedError
from ...distributed.waiting import LeftError
from ...state.names import name_in
from ..decisions.gradients import numbered
from ..pieces.seams import Seams
from .agreement import Agreement, ToldError
from .messages import Columns, Table
from .moments import DUE, SEAMS, Layout, in_order, layout_of, measured, words
from .several_meshes import SeveralMeshes
from .shared_parameters import is_changed, is_due, sharding


class ChangedError(Exception):
    """Raised on each process before anything changes, where parameters are not what the plan was made for."""


class Sharing:
    """The sums of one optimizer's sharded parameters, and who has gradients of which."""

    def __init__(self, optimizer: Any, bring: Callable[[bool], None]) -> None:
        """Have owners get what they step by `bring`: parameters that somebody has written, or else gradients."""
        pairs = [(group, param) for group, param in numbered(optimizer.param_groups)]
        self.pairs = [(group, param) for group, param in pairs if isinstance(param, LocalParameter | OwnedParameter)]
        self.params = [param for _, param in self.pairs]
        self.owned = [param for param in self.params if isinstance(param, OwnedParameter)]
        self.bring, self.optimizer, self.name = bring, optimizer, type(optimizer).__name__
        self.agreement = Agreement(optimizer, self.params)
        self.columns = Columns(self.params)
        self.meshes: SeveralMeshes | None = None
        self.layout: Layout = ()
        self.lengths: list[int] = []
        """How many numbers the message of each moment has."""

    @property
    def sums(self) -> Any:
        """The processes that add up, once they have met."""
        return self.agreement.sums

    def begin_silent(self) -> None:
        """Note that this step has sent no message yet."""
        self.agreement.is_silent = True

    def planned(self) -> Layout:
        """Find out what is to be added up in the next step, and that all processes are of one mind about it."""
        # What is known of plans that are no more is not kept.
        self.columns.known.clear()
        self._lay_out(layout_of(self.optimizer, self.pairs))
        self.agreement.reach(self.layout)
        return self.layout

    def _lay_out(self, layout: Layout) -> None:
        """Take over what is to be added up; most steps are laid out as the one before."""
        if layout is not self.layout:
            self.layout, self.lengths = layout, self.agreement.lengths(layout)

    def explain(self) -> Iterator[str]:
        """Say which messages a step takes, and how long each is."""
        layout = layout_of(self.optimizer, self.pairs)
        lengths = self.agreement.lengths(layout)
        for moment in in_order(layout):
            if not lengths[moment]:
                yield f"a step takes one all_reduce for each mesh, and one for all of them: {words(moment)}"
                continue
            size = (4 if moment == SEAMS else 8) * (1 + lengths[moment])
            yield f"a step takes one all_reduce of {size:,} bytes: {words(moment)}"

    def fail(self, error: Exception) -> None:
        """Tell the others that this process cannot take the step, if they wait for it."""
        if not self.agreement.is_silent or isinstance(error, ToldError | LeftError):
            return
        self._lay_out(layout_of(self.optimizer, self.pairs))
        with suppress(ToldError):
            if not self.agreement.tell(error, self.layout) and self._is_heard_by_mesh:
                self._hear(f"{type(error).__name__}: {error}")

    def begin(self, layout: Layout) -> None:
        """Begin a step of a plan: hear who is due, and have owners get their gradients.

        Raises ToldError where processes have gradients of different matrices, ChangedError where the plan was made
        before somebody wrote a parameter: by then, its owner has it.
        """
        self._lay_out(layout)
        self.agreement.await_me(layout)
        if not self.owned and not self.lengths[DUE] and not self._is_heard_by_mesh:
            return
        is_changed = self._attend() if self.at(DUE) else self._is_heard_by_mesh and self._hear(None)
        self.bring(is_changed)
        if is_changed:
            self.begin_silent()
            raise ChangedError

    @property
    def _is_heard_by_mesh(self) -> bool:
        """True if some matrices have owners, and the parameters are of several meshes."""
        return self.agreement.is_of_several_meshes and any(self.layout[DUE])

    def _hear(self, fault: str | None) -> bool:
        """Hear the same of parameters of several meshes, or tell why this process cannot step."""
        if self.meshes is None:
            try:
                self.meshes = SeveralMeshes(self.name, self.params, list(map(sharding, self.params)), self._differ)
            except ValueError:
                raise self.agreement.of_several_meshes("multiplies whole matrices") from None
        try:
            return self.meshes.hear(self.layout[DUE], fault)
        except StoppedError as error:
            raise ToldError(str(error)) from None
        finally:
            self.agreement.is_silent = False

    def _differ(self, param: Any, count: int, processes: int) -> str:
        """Say that not all processes have a gradient of a matrix."""
        return (
            f"{self.name} needs whole matrices, for which all processes must have gradients of the same ones, but "
            f"{name_in(self.optimizer.param_groups, param)} has a gradient on {count} of {processes} processes, and "
            f"{'one' if is_due(param) else 'none'} here: run backward() on all of them, or on none"
        )

    def _attend(self) -> bool:
        """Hear of which matrices all have gradients, and tell if somebody has written any."""
        members = [param for param, count in zip(self.params, self.layout[DUE], strict=True) if count]
        flags = [*map(is_due, members), *map(is_changed, self.owned)]
        found = self._added(torch.tensor(flags, dtype=torch.float64, device="cpu"), DUE)
        for param, count in zip(members, found.tolist(), strict=False):
            if count not in (0, len(self.sums.ranks)):
                raise ToldError(self._differ(param, int(count), len(self.sums.ranks)))
        return bool(found[len(members) :].any())

    def at(self, moment: int) -> bool:
        """Tell if something is added up at a moment."""
        return moment < len(self.lengths) and self.lengths[moment] > 0

    def add(self, moment: int, tables: Sequence[Table]) -> list[list[float]]:
        """Add up the columns of tables that have a row for each parameter: all in one message.

        Gives the sums of sharded parameters that are in no table: here they have no gradients, elsewhere they may.
        """
        counts = self.layout[moment]
        # Of so few numbers, NumPy is told in a third of the time.
        message = torch.from_numpy(self.columns.message(tables, counts))
        found = self._added(message, moment).numpy()
        self.columns.put(tables, counts, found)
        return self.columns.elsewhere(tables, counts, found)

    def total(self, moment: int, tables: Sequence[Table]) -> list[Any]:
        """Give numbers whose exact sum is that of all numbers of tables, on all processes: in one short message."""
        counts = self.layout[moment]
        own = self.columns.counted(tables, counts)
        found = self.agreement.message(partial(self.sums.total, own, words(moment)))
        return [np.array(found), *self.columns.alone(tables, counts)]

    def _added(self, message: Tensor, moment: int) -> Tensor:
        found: Tensor = self.agreement.message(partial(self.sums.add, message, words(moment)))
        return found

    def measured_elsewhere(self, found: Sequence[Sequence[float]]) -> Iterator[tuple[str, float]]:
        """Give what the last pass has measured of parameters that have no gradients here, each with its name."""
        for (group, param), numbers in zip(self.pairs, found, strict=False):
            if numbers:
                yield from zip(measured(self.optimizer, group, param), numbers, strict=True)

    def add_peaks(self, seams: Sequence[Seams]) -> None:
        """Take the largest of what processes have found in blocks that they have parts of: all in one message."""
        # As whole numbers, sizes are in the same order, and what is no number is the largest.
        message = torch.zeros(self.lengths[SEAMS], dtype=torch.int32, device="cpu")
        starts = [0, *accumulate(self.layout[SEAMS])]
        places = [each.places([starts[self.columns.places[id(param)]] for param in each.params]) for each in seams]
        for each, own in zip(seams, places, strict=True):
            message.scatter_reduce_(0, own, each.found(), "amax")
        message = self.agreement.message(partial(self.sums.largest, message, words(SEAMS)))
        for each, own in zip(seams, places, strict=True):
            each.put(message[own])

    def all(self, is_so: bool) -> bool:
        """Tell if something is so on each process; on all of them it is asked at the same time."""
        if self.sums is None:
            return is_so
        flag = torch.tensor([float(not is_so)], dtype=torch.float64, device="cpu")
        return not self.sums.add(flag, "whether gradients are finite")
