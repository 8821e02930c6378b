"""Machine code as a block of bytes that runs wherever it is put.

An object file becomes such a block when its sections are set one after the other and the distances between them are
filled in (`distances.py`). The block is what the disk cache keeps: bringing it to life takes a copy, and no LLVM.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .distances import WAYS, Way

SECTION, SYMBOL, RELOCATION = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
IN_MEMORY, RELOCATIONS, SYMBOLS = 0x2, 4, 2


@dataclass(frozen=True)
class Section:
    """A part of an object file, and its place in the block."""

    kind: int
    flags: int
    offset: int
    size: int
    link: int
    target: int
    start: int


def image(code: bytes, names: Sequence[str]) -> bytes:
    """Make a block of an ELF object for x86-64 or aarch64: the places of the named functions, then the code.

    Raises ValueError if the object needs anything from outside or any kind of relocation that is not known.
    """
    ways = _ways(code)
    sections = list(_sections(code))
    symbols = list(_symbols(code, sections))
    block = bytearray(max(section.start + section.size for section in sections))
    for section in sections:
        if section.flags & IN_MEMORY:
            block[section.start : section.start + section.size] = code[section.offset : section.offset + section.size]
    for section in sections:
        if section.kind == RELOCATIONS and sections[section.target].flags & IN_MEMORY:
            _relocate(code, block, section, sections, symbols, ways)
    places = dict(symbols)
    return struct.pack(f"<{len(names)}Q", *(places[name] for name in names)) + bytes(block)


def _ways(code: bytes) -> Mapping[int, Way]:
    """Find how the object's processor has distances filled in."""
    processor = struct.unpack_from("<H", code, 18)[0] if code[:6] == b"\x7fELF\x02\x01" else 0
    if processor not in WAYS:
        raise ValueError("no ELF object for x86-64 or aarch64")
    return WAYS[processor]


def _sections(code: bytes) -> Iterator[Section]:
    """Read the table of sections, setting those that belong in memory one after the other."""
    (table,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    end = 0
    for index in range(count):
        _, kind, flags, _, offset, length, link, info, align, _ = SECTION.unpack_from(code, table + size * index)
        start = -(-end // max(align, 1)) * max(align, 1)
        end = start + length if flags & IN_MEMORY else end
        yield Section(kind, flags, offset, length, link, info, start if flags & IN_MEMORY else 0)


def _symbols(code: bytes, sections: Sequence[Section]) -> Iterator[tuple[str, int | None]]:
    """Read the table of symbols: each with its place in the block, or none if it is elsewhere."""
    for table in sections:
        if table.kind == SYMBOLS:
            text = sections[table.link].offset
            for at in range(table.offset, table.offset + table.size, SYMBOL.size):
                name, _, _, index, value, _ = SYMBOL.unpack_from(code, at)
                known = 0 < index < len(sections)
                yield code[text + name :].split(b"\0", 1)[0].decode(), sections[index].start + value if known else None


def _relocate(
    code: bytes,
    block: bytearray,
    table: Section,
    sections: Sequence[Section],
    symbols: Sequence[tuple[str, int | None]],
    ways: Mapping[int, Way],
) -> None:
    """Fill in the distances that one section needs."""
    for at in range(table.offset, table.offset + table.size, RELOCATION.size):
        offset, info, addend = RELOCATION.unpack_from(code, at)
        name, goal = symbols[info >> 32]
        way = ways.get(info & 0xFFFFFFFF)
        if goal is None or way is None:
            raise ValueError(f"the code refers to {name or 'something'} in a way that depends on where it is")
        place = sections[table.target].start + offset
        way(block, place, goal + addend)


class Code:
    """A block brought to life: the addresses of its functions, valid as long as this object."""

    def __init__(self, block: bytes, names: Sequence[str]) -> None:
        places = struct.unpack_from(f"<{len(names)}Q", block)
        content = block[8 * len(names) :]
        self.memory = mmap.mmap(
            -1, len(content), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE
        )
        self.memory.write(content)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        _let_be_fetched(start, start + len(content))
        # Never writable and executable at once.
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        if protect(ctypes.c_void_p(start), ctypes.c_size_t(len(content)), mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), "memory cannot be made executable")
        self.addresses: Mapping[str, int] = {name: start + place for name, place in zip(names, places, strict=True)}

    def __getitem__(self, name: str) -> int:
        return self.addresses[name]


def _let_be_fetched(start: int, end: int) -> None:
    """Let the processor forget what it has fetched from here before: on aarch64, writing does not tell it."""
    if platform.machine() not in ("x86_64", "AMD64"):
        clear = getattr(ctypes.CDLL("libgcc_s.so.1"), "__clear_cache")
        clear(ctypes.c_void_p(start), ctypes.c_void_p(end))
