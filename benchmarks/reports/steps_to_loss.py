"""From the runs of steps_to_loss.py to a table in docs/choose.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from measuring.significance import p_below

from reports.page import ROOT, replace
from reports.ranks import spread

COLUMNS = ("rule", "rate", "steps", "AdamW's steps over that", "mean loss", "p", "mean loss of the next shorter length")


@dataclass(frozen=True)
class Outcome:
    """What is known of a rule: the shortest length that passes, the one before it, and their losses."""

    rate: float
    steps: int
    losses: Sequence[float]
    shorter: int
    losses_of_shorter: Sequence[float]


def write(outcomes: Mapping[str, Outcome], target: float) -> None:
    """Write the table where the document has its marks."""
    replace(ROOT / "docs" / "choose.md", "steps_to_loss", "\n".join(table(outcomes, target)))


def table(outcomes: Mapping[str, Outcome], target: float) -> Iterator[str]:
    """Write a row for each rule, that of the fewest steps first."""
    yield f"The target is {target:g} nats a character.\n"
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    reference = outcomes.get("AdamW")
    for name, found in sorted(outcomes.items(), key=lambda item: item[1].steps):
        times = f"{reference.steps / found.steps:.2f}" if reference else ""
        before = f"{mean(found.losses_of_shorter):.3f} after {found.shorter}" if found.losses_of_shorter else ""
        p = f"{p_below(found.losses, target):.1g}"
        cells = (name, f"{found.rate:g}", str(found.steps), times, spread(found.losses), p, before)
        yield "| " + " | ".join(cells) + " |"
