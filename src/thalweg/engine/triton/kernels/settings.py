"""How a kernel's work is cut and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ....formula.graph.expr import BLOCK, symbols
from ....formula.tracing.program import Program
from ....formula.words.random import ELEMENT
from ..language.dtypes import FORMATS
from .order import alive_at_once

WORD = 16
"""Bytes that one thread reads at once of the widest tensor, where all tensors start at a multiple of them."""

ROW = ("options", "chunk", "chunks")
"""The last words of a parameter's row: where its group's options are, its first chunk, and how many it has."""

UNIT = 16
"""Elements that chunks count by where they begin: so 32 bits are enough for any tensor."""

ROWS = 32
"""Rows whose numbers are computed together, a row to a thread."""

SUMMED = 32_768
"""Elements of a piece whose sums are taken by themselves: as on the CPU, whose order of adding is kept."""


@dataclass(frozen=True)
class Setting:
    """Blocks of 256 elements that are worked on at once, the warps that share them, and the elements of a chunk."""

    blocks: int
    warps: int
    length: int = 0

    @property
    def piece(self) -> int:
        """Elements of a chunk."""
        return self.length or BLOCK * self.blocks

    @property
    def constants(self) -> dict[str, int]:
        """What the kernel is compiled for."""
        return {"BLOCKS": self.blocks, "LENGTH": self.piece}


USUAL = Setting(4, 4)
"""Eight elements a thread: two wide words of float32. An H200 then reaches 99% of a copy's speed with AdamW."""

SPARING = Setting(2, 4)
"""Four elements a thread, where each takes many registers: AdamG then needs 66 and not 109, VSGD 66 and not 96.

How much faster that is, no card has measured.
"""

MANY = 10
"""How many values are many, of those that an element needs at once."""

CODED = Setting(1, 1, 2048)
"""A block a warp, several one after the other, where much is computed for few bytes: nobody waits for another warp.

On an H200 AdamW reaches 94% to 96% of a copy's speed so with states of 8 bits, and 85% to 86% with 4; with a block for
each of four warps it was 20% and 84%.
"""

CROWDED = 7
"""How many tensors and sums together leave registers for one block at once: DAdaptSGD then needs 64 and not 96."""

UNDER_WAY = 8
"""Blocks that a warp has asked for at once, of all tensors together, where it adds them one after the other."""


def setting_of(program: Program, dtypes: Mapping[str, torch.dtype]) -> Setting:
    """Choose what is best for a program."""
    if program.totals:
        return Setting(summed_at_once(program), warps_of_sums(program, dtypes), SUMMED)
    if goes_by_blocks(program):
        return CODED
    return SPARING if alive_at_once(program.stores) >= MANY else USUAL


def goes_by_blocks(program: Program) -> bool:
    """Tell if whole blocks are worked on: where numbers are kept in codes, or rounded with random bits."""
    return bool(program.blocks) or any(symbol.name == ELEMENT.name for symbol in symbols(*program.results))


def goes_by_places(program: Program) -> bool:
    """Tell if it matters where an element stands in the whole tensor: to blocks, random bits, and the order of sums."""
    return goes_by_blocks(program) or bool(program.totals)


def chunk_words(program: Program) -> list[str]:
    """Name what kernels are told of a chunk, in 32 bits each.

    Whose it is; its first element here, in units of so many and a rest; its length; what is needed of where it stands
    in the whole tensor, and of which of the blocks that are here it begins with; and the place of its sums.
    """
    more = {"place": goes_by_places(program), "block": bool(program.blocks), "number": bool(program.totals)}
    return ["row", "unit", "rest", "length", *(name for name, is_needed in more.items() if is_needed)]


def granule(program: Program) -> int:
    """Say of how many elements at least an aligned chunk is a multiple."""
    return BLOCK if goes_by_blocks(program) else WORD


def summed_at_once(program: Program) -> int:
    """Choose how many blocks of each tensor are read at once: a power of two, the fewer the more tensors there are."""
    if len(program.loads) + len(program.totals) >= CROWDED:
        return 1
    return 1 << max(UNDER_WAY // len(program.loads), 1).bit_length() - 1


def warps_of_sums(program: Program, dtypes: Mapping[str, torch.dtype]) -> int:
    """Choose how many warps share a piece: two have half the columns each, and a thread half as many values to keep.

    What a whole block decides, and two codes of one byte, are one warp's alone; and a single tensor, as for a norm,
    leaves registers enough.
    """
    has_peaks = any(name in program.stores for name in program.blocks)
    is_packed = any(FORMATS[dtypes[name]].together > 1 for name in program.loads)
    return 1 if has_peaks or is_packed or len(program.loads) == 1 else 2


def asks_again(program: Program) -> bool:
    """Tell if a pass that sums asks for its addresses and numbers with each tile, and does not keep them meanwhile.

    The processor's cache has them, and so many tensors leave no registers for them: Prodigy then needs 64 and not 82.
    A pass that stores nothing would be compiled as if it had asked once.
    """
    return bool(program.stores) and summed_at_once(program) == 1
