"""From a GPU's raw numbers to the table of docs/benchmarks.md."""

from collections.abc import Iterator
from typing import Any

from report import ROOT, replace, time

COLUMNS = ("what", "step", "of a copy's bandwidth", "host", "faster than")


def table(results: dict[str, Any]) -> None:
    """Write the table where the document has its marks."""
    replace(ROOT / "docs" / "benchmarks.md", "gpu", "\n".join(lines(results)))


def lines(results: dict[str, Any]) -> Iterator[str]:
    """Say where this was measured, then what, work by work."""
    machine = results["machine"]
    yield (
        f"Measured on {machine['date']} on one {machine['device']}, torch {machine['torch']}; medians of the device's "
        f"own events, contestants taking turns. A copy within its memory: {results['copy, GB/s']:.0f} GB/s."
    )
    for work in dict.fromkeys(row["work"] for row in results["rows"]):
        yield f"\n### {work}\n"
        yield "| " + " | ".join(COLUMNS) + " |"
        yield "|---" * len(COLUMNS) + "|"
        for row in results["rows"]:
            if row["work"] == work:
                yield cells(row)


def cells(row: dict[str, Any]) -> str:
    """Write one line."""
    share = row.get("of a copy's bandwidth")
    host = row.get("host, microseconds", {}).get("thalweg")
    others = ", ".join(f"{name} {times:.2f}x" for name, times in row["times faster than"].items())
    bandwidth = "" if share is None else f"{share:.0%}"
    return f"| {row['what']} | {time(row['microseconds']['thalweg'])} | {bandwidth} | {time(host)} | {others} |"
