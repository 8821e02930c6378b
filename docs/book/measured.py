"""What was measured, read off the tables that benchmarks write between two marks of a page."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[1]


class Measured(NamedTuple):
    """A table: what stands above it, its head and its rows."""

    above: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


@cache
def measured(page: str, mark: str) -> Measured:
    """Read the table between two marks of a page; it has no rows where nothing was measured."""
    found = re.search(rf"<!-- {mark} -->\n(.*?)<!-- end of {mark} -->", (DOCS / page).read_text(), re.DOTALL)
    text = found[1] if found else ""
    lines = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in text.splitlines() if line[:1] == "|"]
    above = text.partition("\n|")[0].strip() if text[:1] != "|" else ""
    return Measured(above, lines[0] if lines else (), lines[2:])
