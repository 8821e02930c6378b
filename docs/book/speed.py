"""What was measured of an optimizer's speed: its row of the page of benchmarks."""

from .markdown import table
from .measured import measured


def speed(name: str) -> str:
    """Write an optimizer's row, with the machine that it was measured on; nothing if it was not."""
    above, head, rows = measured("benchmarks.md", "catalogue")
    own = [row[1:] for row in rows if row[0] == name]
    return f"{above}\n\n{table(head[1:], own)}" if own else ""
