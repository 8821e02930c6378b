"""Whether all processes that share parameters take the same step; where one of them cannot, all hear why.

All hear before the first step whether they have the same options. Later steps mostly need no message: they are as the
last one was. A process that is about to take another kind of step,
or none, sends a message of the length that the others wait for, and says in it that there is something to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch

from ...distributed.meshes import by_mesh, differing
from ...distributed.sums import StoppedError, Sums
from ...distributed.waiting import LeftError
from ...state.names import name_in
from .moments import DUE, SEAMS, Layout, in_order, lengths, words
from .same_options import difference, options_of
from .shared_parameters import sharding


class ToldError(RuntimeError):
    """Raised on each process where one of them has said why it cannot step."""


class Agreement:
    """What the processes that share an optimizer's parameters know of each other."""

    def __init__(self, optimizer: Any, params: Sequence[Any]) -> None:
        self.optimizer, self.name = optimizer, type(optimizer).__name__
        self.shards = [sharding(param) for param in params]
        self.params = list(params)
        self.meshes = by_mesh(self.shards)
        self.sums: Sums | None = None
        self.agreed: set[Any] = set()
        """The steps that all processes have said they can take."""
        self.awaited: Layout = ()
        self.awaited_by: Sums | None = None
        """What other processes wait for if they do what they did last time, and which of them."""
        self.is_silent = True
        """True until this step's first message."""
        self.is_first = True
        """True until all processes have said that they can take a first step, even one that needs no message."""

    @property
    def processes(self) -> int:
        """Count the processes that share the first parameter."""
        return int(self.shards[0].mesh.size())

    def follow(self, other: Agreement | None) -> None:
        """Go on where another one was left: processes that have not made a new one know the old one."""
        if other is None:
            return
        self.awaited, self.awaited_by, self.is_first = other.awaited, other.awaited_by, other.is_first
        if list(other.meshes) == list(self.meshes):
            self.sums, self.agreed = other.sums, other.agreed

    def lengths(self, layout: Layout) -> list[int]:
        """Say how many numbers the message of each moment has."""
        found = lengths(layout, self.processes)
        if found and self.is_of_several_meshes:
            # That is heard of each mesh by itself.
            found[DUE] = 0
        return found

    def await_me(self, layout: Layout) -> None:
        """Note what the others wait for from now on."""
        self.awaited, self.awaited_by = layout, self.sums

    def reach(self, layout: Layout) -> None:
        """Make sure that all processes are about to take the same step, if it is the first, or needs any message.

        Raises ToldError where they are not.
        """
        described = self._described(layout)
        if described not in self.agreed and self._is_told(layout):
            self._tell(None, layout)
            self.agreed.add(described)
            self.await_me(layout)
        self.is_first = False

    def tell(self, error: Exception, layout: Layout) -> bool:
        """Tell the others that this process cannot take the step; False if they do not wait for it."""
        if self._is_told(layout):
            self._tell(f"{type(error).__name__}: {error}", layout)
            return True
        return False

    def _is_told(self, layout: Layout) -> bool:
        """Tell if the others wait for what this process is about to do."""
        return self.is_first or any(self.lengths(layout)) or self._is_awaited

    def message(self, call: Callable[[], Any]) -> Any:
        """Add up numbers of all processes; raises ToldError on each of them if one has something to tell."""
        try:
            found = call()
        except StoppedError:
            self.is_silent = False
            self._tell(None, self.awaited)
            raise ToldError(
                f"{self.name} cannot step, since another process is making a new plan: call step() again"
            ) from None
        self.is_silent = False
        return found

    def of_several_meshes(self, what: str) -> ToldError:
        """Say that parameters are shared by different processes, where that cannot be."""
        pair = differing(self.shards)
        assert pair is not None
        members = [param for param, shard in zip(self.params, self.shards, strict=True) if shard in pair]
        names = [name_in(self.optimizer.param_groups, param) for param in members]
        return ToldError(
            f"{self.name} {what}, but {names[0]} is shared by processes {pair[0].mesh.mesh.tolist()} and {names[1]} by "
            f"{pair[1].mesh.mesh.tolist()}: use an optimizer for each mesh"
        )

    @property
    def is_of_several_meshes(self) -> bool:
        """True if not all parameters are shared by the same processes."""
        return len(self.meshes) > 1

    @property
    def _is_awaited(self) -> bool:
        """True if others wait for a message, should they do what they did last time."""
        return self.awaited_by is not None and any(map(any, self.awaited))

    def _tell(self, fault: str | None, layout: Layout) -> None:
        """Hear what all are about to do; raises ToldError if one cannot, or is about to do another thing."""
        if self._is_awaited and self.is_silent:
            self._interrupt()
        mine = fault, self._described(layout), options_of(self.optimizer)
        heard = [(sums.ranks, sums.told(mine, _what_is_told(layout))) for sums in self._met(layout)]
        self.is_silent = True
        if not fault:
            for ranks, told in heard:
                self._compare(ranks, told)

    def _compare(self, ranks: Sequence[int], told: Sequence[Any]) -> None:
        """Look at what each process is about to do."""
        for rank, (other, *_) in zip(ranks, told, strict=True):
            if other:
                raise ToldError(f"{self.name} cannot step, as process {rank} cannot: {other}")
        if found := difference(ranks, [options for *_, options in told]):
            raise ToldError(
                f"{self.name} steps parameters that processes share, which must have the same options on all of them, "
                f"but {found}: give each process the same options"
            )
        (_, first, _), *_ = told
        for rank, (_, other, _) in zip(ranks, told, strict=True):
            # Of several meshes, processes may have other parameters.
            if other != first and not self.is_of_several_meshes:
                raise ToldError(
                    f"{self.name} steps parameters that processes share, which must be the same on all of them, but "
                    f"process {ranks[0]} has {first[0]} and process {rank} has {other[0]}: "
                    "give each process the same parameters, groups and options"
                )

    def _met(self, layout: Layout) -> Sequence[Sums]:
        """Find the processes of which all must be of one mind; those of several meshes are where all take sums."""
        if self.is_of_several_meshes and not any(self.lengths(layout)) and not self._is_awaited:
            return [Sums(shards, self.name) for shards in self.meshes.values()]
        if self.is_of_several_meshes:
            error = self.of_several_meshes("takes sums over parameters")
            self._tell_each_mesh(str(error))
            raise error
        if self.sums is None:
            self.sums = Sums(self.shards, self.name)
        return [self.sums]

    def _tell_each_mesh(self, fault: str) -> None:
        """Tell processes that know one mesh alone why they wait in vain."""
        for shards in self.meshes.values():
            with suppress(LeftError):
                Sums(shards, self.name).told((fault, None, []))

    def _interrupt(self) -> None:
        """Let those who wait for the first message of a step know that there is something to tell."""
        sums = self.awaited_by
        assert sums is not None
        moment = in_order(self.awaited)[0]
        count = lengths(self.awaited, len(sums.ranks))[moment]
        kind, send = (torch.int32, sums.largest) if moment == SEAMS else (torch.float64, sums.add)
        with suppress(StoppedError):
            send(torch.zeros(count, dtype=kind, device="cpu"), words(moment), trouble=True)

    def _described(self, layout: Layout) -> tuple[str, Any]:
        counts = [len(group["params"]) for group in self.optimizer.param_groups]
        shapes = tuple((shard.shape, str(shard.placements)) for shard in self.shards)
        shared = sum(map(sum, layout))
        own = f"{sum(counts)} parameters in groups of {counts}, {len(shapes)} of them sharded"
        return f"{own}, with {shared} shared numbers", (shapes, layout)


def _what_is_told(layout: Layout) -> str:
    """Say what processes tell each other, and why: those whose step needs no message do not know that it is awaited."""
    needed = " and ".join(map(words, in_order(layout)))
    return "what each is about to do" + f" (this process needs {needed})" * bool(needed)
