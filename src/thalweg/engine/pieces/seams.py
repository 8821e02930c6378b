"""The blocks of one launch that lie on several processes: each finds the largest size of its part, and learns all.

A block of 256 elements has one scale, which follows from its largest element. Where a shard begins or ends within a
block, the sizes are found by a pass over these blocks alone, and all processes take the largest of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.shards import Run


class Seams:
    """What is found in such blocks, for all local parameters of a launch."""

    def __init__(self, names: Sequence[str], params: Sequence[Tensor]) -> None:
        self.names = names
        self.params = [param for param in params if isinstance(param, LocalParameter)]
        sizes = [param.fragment_count for param in self.params]
        starts = [0, *accumulate(sizes)]
        self.tensors = {name: torch.zeros(sum(sizes), dtype=torch.float32, device=params[0].device) for name in names}
        self.parts = {name: torch.split(tensor, sizes) for name, tensor in self.tensors.items()}
        own = [param.pieces[0] + start for param, start in zip(self.params, starts, strict=False)]
        self.fragments = torch.cat(own).to(params[0].device)

    def of(self, index: int) -> dict[str, Tensor]:
        """Give the tensors of one parameter, by name: a number for each of its fragments."""
        return {name: parts[index] for name, parts in self.parts.items()}

    def places(self, starts: Sequence[int]) -> Tensor:
        """Find the places in a message where the numbers of each parameter start somewhere, one after the other."""
        return torch.cat(
            [
                param.pieces[1] + (start + index * len(param.seams))
                for index in range(len(self.names))
                for param, start in zip(self.params, starts, strict=True)
            ]
        )

    def found(self) -> Tensor:
        """Give what was found here, as whole numbers."""
        return torch.cat([self.tensors[name][self.fragments] for name in self.names]).view(torch.int32).cpu()

    def put(self, largest: Tensor) -> None:
        """Put the largest of all processes in the place of what was found here."""
        numbers = largest.view(torch.float32).to(self.fragments.device)
        for name, own in zip(self.names, numbers.chunk(len(self.names)), strict=True):
            self.tensors[name][self.fragments] = own


def pieces(params: Sequence[Tensor]) -> Iterator[tuple[int, Run, int]]:
    """Give what is here of such blocks: the parameter's place, the elements, and which of its fragments they are."""
    for row, param in enumerate(params):
        if isinstance(param, LocalParameter):
            cut = set(param.pieces[0].tolist())
            for index, each in enumerate(param.fragments):
                if index in cut:
                    yield row, Run(each.place, each.first, each.length), index
