"""Parameters of several meshes: who has gradients of matrices that have owners is heard on each mesh, then on all.

The processes of one mesh are all those of the others, too: so what goes wrong on any mesh is heard by everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...distributed.meshes import ranks_of
from ...distributed.shards import LocalShard
from ...distributed.sums import StoppedError, Sums
from .shared_parameters import is_changed, is_due

WHAT = "which matrices have gradients"


class SeveralMeshes:
    """The meshes of an optimizer's parameters, in the order in which parameters come."""

    def __init__(
        self, name: str, params: Sequence[Any], shards: Sequence[LocalShard], sentence: Callable[[Any, int, int], str]
    ) -> None:
        """Let `sentence` say of a parameter that some of so many processes have a gradient of it.

        Raises ValueError where no mesh has all processes of the others.
        """
        self.name, self.params, self.sentence = name, list(params), sentence
        found: dict[tuple[int, ...], list[int]] = {}
        for place, shard in enumerate(shards):
            found.setdefault(tuple(ranks_of(shard.mesh)), []).append(place)
        self.places = list(found.values())
        self.sums = [Sums([shards[place] for place in places], name) for places in self.places]
        self.kinds = [[(shards[place].shape, str(shards[place].placements)) for place in each] for each in self.places]
        widest = max(range(len(found)), key=lambda index: len(self.sums[index].ranks))
        if not all(set(sums.ranks) <= set(self.sums[widest].ranks) for sums in self.sums):
            raise ValueError("no mesh has all processes of the others")
        self.all = self.sums[widest]
        self.has_agreed = False

    def hear(self, asked: Sequence[Any], fault: str | None) -> bool:
        """Hear of each mesh if all have the same gradients, and tell if somebody has written a parameter with an owner.

        `asked` says of which parameters it matters, `fault` why this process cannot step. Raises StoppedError on each
        process, with a sentence, where one of them cannot.
        """
        is_written = False
        for index in range(len(self.sums)):
            wrong, is_written_here = self._hear(index, asked, fault)
            fault, is_written = fault or wrong, is_written or is_written_here
        found = self.all.add(torch.tensor([fault is not None, is_written], dtype=torch.float64, device="cpu"), WHAT)
        if found[0]:
            told = zip(self.all.ranks, self.all.told(fault), strict=True)
            others = (f"{self.name} cannot step, as process {rank} cannot: {why}" for rank, why in told if why)
            raise StoppedError(fault or next(others))
        self.has_agreed = True
        return bool(found[1])

    def _hear(self, index: int, asked: Sequence[Any], fault: str | None) -> tuple[str | None, bool]:
        """Hear of one mesh what is wrong, and whether a parameter was written."""
        sums, places = self.sums[index], self.places[index]
        if not self.has_agreed and any(kinds != self.kinds[index] for kinds in sums.told(self.kinds[index])):
            return f"{self.name} steps matrices of which processes {sums.ranks} have others: give all the same", False
        params = [self.params[place] for place in places]
        message = torch.tensor([*map(is_due, params), *map(is_changed, params)], dtype=torch.float64, device="cpu")
        try:
            counts = sums.add(message, WHAT, trouble=fault is not None).tolist()
        except StoppedError:
            return None, False
        is_written = any(counts[len(places) :])
        for place, param, count in zip(places, params, counts, strict=False):
            if asked[place] and count not in (0, len(sums.ranks)):
                return self.sentence(param, int(count), len(sums.ranks)), is_written
        return None, is_written
