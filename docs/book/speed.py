"""What was measured of an optimizer: its row of the page of benchmarks."""

import re
from pathlib import Path

from .markdown import table

PAGE = Path(__file__).parents[1] / "benchmarks.md"


def speed(name: str) -> str:
    """Write an optimizer's row, with the machine that it was measured on; nothing if it was not."""
    section = re.search(r"<!-- catalogue -->\n(.*?)\n\n(.*?)<!-- end", PAGE.read_text(), re.DOTALL)
    if section is None:
        return ""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section[2].splitlines() if "|" in line]
    rows = [row for row in lines[2:] if row[0] == name]
    return f"{section[1]}\n\n{table(tuple(lines[0][1:]), [tuple(row[1:]) for row in rows])}" if rows else ""
