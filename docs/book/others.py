"""Other libraries' names for an optimizer, and where their rules differ: read from what the house knows already."""

import re
from pathlib import Path

from tests.catalogue.authorities import TABLE

from .markdown import code, prose, table

PAGES = Path(__file__).parents[1]


def aliases(name: str) -> list[str]:
    """List other public names of the same class."""
    import thalweg

    cls = getattr(thalweg, name)
    return [other for other, value in vars(thalweg).items() if value is cls and other != name]


def compared(name: str) -> str:
    """List the implementations that a test holds this one to, and how near they come."""
    rows = [
        (code(row.package), code(row.theirs), _near(row.tolerance) + (f": {prose(row.why)}" if row.why else ""))
        for row in TABLE
        if row.ours == name
    ]
    return table(("package", "class", "the largest difference after 20 steps in float64"), list(dict.fromkeys(rows)))


def _near(tolerance: float) -> str:
    return f"at most {tolerance:.0e}".replace("e-0", "e-")


def differences(name: str) -> str:
    """Take the rows of *Where implementations disagree* that speak of it."""
    rows = [cells for cells in _rows((PAGES / "disagreements.md").read_text()) if _speaks_of(cells[0], name)]
    measured = [cells for cells in rows if len(cells) == 4]
    read = [cells for cells in rows if len(cells) == 3]
    parts = [table(("whose", "largest difference after 20 steps", "why"), [tuple(row[1:]) for row in measured])] * bool(
        measured
    )
    parts += [table(("whose", "what differs"), [tuple(row[1:]) for row in read])] * bool(read)
    return "\n\n".join(parts)


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ours")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def _speaks_of(cell: str, name: str) -> bool:
    return name in re.findall(r"\w+", cell)
