"""The measurements of the catalogue as a table in docs/benchmarks.md."""

from collections.abc import Iterator
from typing import Any

from reports.page import ROOT, replace, time

COLUMNS = (
    "rule",
    "bytes an element",
    "memory's speed",
    "cautious step",
    "148 tensors",
    "small MLP",
    "times faster than",
    "measured on",
)


def table(results: dict[str, Any]) -> None:
    """Write the table where the document has its marks."""
    replace(ROOT / "docs" / "benchmarks.md", "catalogue", "\n".join(lines(results)))


def lines(results: dict[str, Any]) -> Iterator[str]:
    """Write a row for each rule."""
    yield (
        "Each rule was measured with 2 threads and torch 2.13, on the processor and the day that its row says. "
        "Times are medians of interleaved runs. Memory's speed is the speed at which one large tensor is multiplied "
        "in place."
    )
    yield ""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    for row in results["rules"]:
        yield "| " + " | ".join(cells(row)) + " |"


def cells(row: dict[str, Any]) -> Iterator[str]:
    """Write what was measured of a rule; what cannot be said of it is left empty."""
    is_measured = "of memory speed" in row
    yield row["optimizer"]
    yield f"{row['bytes an element']:g}" if is_measured else ""
    yield f"{row['of memory speed']:.0%}" if is_measured else ""
    yield f"{row['cautious']:.2f} times the plain one" if row.get("cautious") else ""
    yield time(1e3 * row["model, ms"])
    yield time(row["small, us"])
    yield ", ".join(f"{name} {ratio:.1f}" for name, ratio in row["times faster than"].items())
    yield f"{row['machine']['cpu']}, {row['machine']['date']}"
