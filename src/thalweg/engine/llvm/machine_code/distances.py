"""How each processor's instructions hold the distance to what they refer to: what a linker fills in.

A block starts at a page, so pages are counted from its start. The kinds have the numbers that the ELF standards for
x86-64 and aarch64 give them.
"""

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

Way: TypeAlias = Callable[[bytearray, int, int], None]
"""Fills in, in a block, at a place, the distance from there to a goal."""

PAGE = 4096


def number(block: bytearray, place: int, goal: int, size: str = "<i") -> None:
    """Write the distance as a plain number."""
    struct.pack_into(size, block, place, goal - place)


def _put(block: bytearray, place: int, bits: int) -> None:
    """Set bits of an instruction that are zero."""
    (instruction,) = struct.unpack_from("<I", block, place)
    struct.pack_into("<I", block, place, instruction | bits)


def pages(block: bytearray, place: int, goal: int) -> None:
    """Write how many pages further the goal's page is: the address that `adrp` makes."""
    distance = goal // PAGE - place // PAGE
    _put(block, place, (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5)


def within_page(block: bytearray, place: int, goal: int, size: int) -> None:
    """Write where the goal is within its page, in the units of what is loaded there."""
    _put(block, place, goal % PAGE // size << 10)


def jump(block: bytearray, place: int, goal: int) -> None:
    """Write how many instructions further the goal is."""
    _put(block, place, goal - place >> 2 & 0x3FFFFFF)


X86_64, AARCH64 = 62, 183
"""The processors, as ELF objects name them."""

WAYS: Mapping[int, Mapping[int, Way]] = {
    # PC32, PLT32
    X86_64: {2: number, 4: number},
    AARCH64: {
        260: partial(number, size="<q"),  # PREL64
        261: number,  # PREL32
        275: pages,  # ADR_PREL_PG_HI21
        277: partial(within_page, size=1),  # ADD_ABS_LO12_NC
        278: partial(within_page, size=1),  # LDST8_ABS_LO12_NC
        282: jump,  # JUMP26
        283: jump,  # CALL26
        284: partial(within_page, size=2),  # LDST16_ABS_LO12_NC
        285: partial(within_page, size=4),  # LDST32_ABS_LO12_NC
        286: partial(within_page, size=8),  # LDST64_ABS_LO12_NC
        299: partial(within_page, size=16),  # LDST128_ABS_LO12_NC
    },
}
"""What fills in each kind of relocation that kernels have."""
