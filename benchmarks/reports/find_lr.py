"""From results/find_lr.json to a table in docs/groups-and-rate.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.page import ROOT, replace

WITHIN = 2
"""The factor that a proposal may be off by."""


def write(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table where the document has its marks."""
    replace(ROOT / "docs" / "groups-and-rate.md", "find_lr", "\n".join(table(rows)))


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write a row for each task, and how many searches came near."""
    yield "| task | best rate of the sweep | as good | proposed over best | steps |"
    yield "|---|---|---|---|---|"
    for row in rows:
        best, ratios = row["best of the sweep"], row["found over best"]
        others = ", ".join(f"{rate:.3g}" for rate in row["as good"] if rate != best)
        proposed = ", ".join("none" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
        yield f"| {row['task']} | {best:.3g} | {others} | {proposed} | {', '.join(map(str, row['steps']))} |"
    yield "\n" + " ".join(sentences(rows))


def sentences(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say how many searches came near the best rate, and near any that is as good."""
    proposed = [(row, ratio and ratio * row["best of the sweep"]) for row in rows for ratio in row["found over best"]]
    near = sum(_is_near(rate, [row["best of the sweep"]]) for row, rate in proposed)
    near_any = sum(_is_near(rate, row["as good"]) for row, rate in proposed)
    yield f"{near} of {len(proposed)} searches came within a factor of {WITHIN} of the best rate,"
    yield f"and {near_any} within that factor of a rate that is as good."


def _is_near(rate: float | None, rates: Sequence[float]) -> bool:
    return rate is not None and any(1 / WITHIN <= rate / other <= WITHIN for other in rates)
