"""Whether all processes that share parameters take the same step; where one of them cannot, all hear why.

Most steps need no message for that: they are as the last one was. A process that is about to take another kind of step,
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

    @property
    def processes(self) -> int:
        """Count the processes that share the first parameter."""
        return int(self.shards[0].mesh.size())

    def follow(self, other: Agreement | None) -> None:
        """Go on where another one was left: processes that have not made a new one know the old one."""
        if other is None:
            return
        self.awaited, self.awaited_by = other.awaited, other.awaited_by
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
        """Make sure that all processes are about to take the same step, if they tell each other anything in it.

        Raises ToldError where they are not.
        """
        described = self._described(layout)
        if described not in self.agreed and (any(self.lengths(layout)) or self._is_awaited):
            self._tell(None, layout)
            self.agreed.add(described)
            self.await_me(layout)

    def tell(self, error: Exception, layout: Layout) -> bool:
        """Tell the others that this process cannot take the step; False if they do not wait for it."""
        if any(self.lengths(layout)) or self._is_awaited:
            self._tell(f"{type(error).__name__}: {error}", layout)
            return True
        return False

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
        sums = self._met()
        told = sums.told((fault, self._described(layout)), _what_is_told(layout))
        self.is_silent = True
        if fault:
            return
        for rank, (other, _) in zip(sums.ranks, told, strict=True):
            if other:
                raise ToldError(f"{self.name} cannot step, as process {rank} cannot: {other}")
        for rank, (_, other) in zip(sums.ranks, told, strict=True):
            if other != told[0][1]:
                raise ToldError(
                    f"{self.name} steps parameters that processes share, which must be the same on all of them, but "
                    f"process {sums.ranks[0]} has {told[0][1][0]} and process {rank} has {other[0]}: "
                    "give each process the same parameters, groups and options"
                )

    def _met(self) -> Sums:
        """Find the processes of which all must be of one mind; those of several meshes cannot be."""
        if self.is_of_several_meshes:
            error = self.of_several_meshes("takes sums over parameters")
            self._tell_each_mesh(str(error))
            raise error
        if self.sums is None:
            self.sums = Sums(self.shards, self.name)
        return self.sums

    def _tell_each_mesh(self, fault: str) -> None:
        """Tell processes that know one mesh alone why they wait in vain."""
        for shards in self.meshes.values():
            with suppress(LeftError):
                Sums(shards, self.name).told((fault, None))

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
