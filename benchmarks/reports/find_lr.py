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
    yield "| task | best rate of the sweep | proposed over best | steps |"
    yield "|---|---|---|---|"
    for row in rows:
        ratios = ", ".join("none" if ratio is None else f"{ratio:.2f}" for ratio in row["found over best"])
        yield f"| {row['task']} | {row['best of the sweep']:.3g} | {ratios} | {', '.join(map(str, row['steps']))} |"
    found = [ratio for row in rows for ratio in row["found over best"]]
    near = sum(ratio is not None and 1 / WITHIN <= ratio <= WITHIN for ratio in found)
    yield f"\n{near} of {len(found)} searches came within a factor of {WITHIN} of the best rate."
