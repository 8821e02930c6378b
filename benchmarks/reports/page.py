"""What all reports share: where a document has its marks, how a place, a date and a time are said, two colours."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BLUE, GREY = "#0072B2", "#999999"


def replace(path: Path, mark: str, text: str) -> None:
    """Put text between two marks of a document."""
    start, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    old = path.read_text()
    path.write_text(re.sub(f"{start}.*?{end}", lambda _: f"{start}\n{text}\n{end}", old, flags=re.DOTALL))


def place(results: dict[str, Any]) -> str:
    """Say where and when this was measured."""
    machine = results["machine"]
    return (
        f"Measured on {machine['date']} with {machine['threads']} threads of an {machine['cpu']}, "
        f"torch {machine['torch']}. Times are medians of interleaved runs. Memory's speed is the speed at which one "
        "large tensor is multiplied in place."
    )


def time(microseconds: float | None) -> str:
    """Say a time in the unit that fits; a narrow cell of a table does not part the two."""
    if microseconds is None:
        return ""
    said = f"{microseconds / 1e3:.1f} ms" if microseconds >= 1e3 else f"{microseconds:.3g} us"
    return said.replace(" ", "\N{NO-BREAK SPACE}")
