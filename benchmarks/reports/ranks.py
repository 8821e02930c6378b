"""From the runs of ranks.py to what a person reads: a table in docs/choose.md, and a picture of all rates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import mean, median, stdev

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from measuring.run_log import Row
from tasks.language_model import RULES, rule_named

from reports.page import BLUE, GREY, ROOT, replace
from thalweg.tools.comparison.curves import INK

SEEDS = 3
"""So many a rate has to have to count."""

PAPER = {
    "124M": ["AdEMAMix", "SOAP", "D-Muon", "AdamW", "ADOPT", "Prodigy", "MARS", "Lion", "SF-AdamW", "Signum", "Sophia"],
    "720M": ["AdEMAMix", "MARS", "D-Muon", "AdamW", "SOAP", "ADOPT", "Prodigy", "Sophia", "Lion", "Signum", "SF-AdamW"],
}
"""The best first, as in the lists of the paper's figures 5 and 1, which leave Muon out: it is behind D-Muon."""

COLUMNS = ("rank", "rule", "optimizer", "loss", "rate", "time of a run", *(f"paper, {size}" for size in PAPER))

Losses = dict[float, list[float]]
"""The losses of all seeds at each rate, infinite where training diverged."""


def write(rows: Sequence[Row]) -> None:
    """Write the table where the document has its marks, and draw the picture."""
    replace(ROOT / "docs" / "choose.md", "ranks", "\n".join(table(rows)))
    draw(rows)


def losses_of(name: str, rows: Sequence[Row]) -> Losses:
    """Sort a rule's losses by rate, those of the first seed first."""
    found: Losses = {}
    for row in sorted(rows, key=lambda row: (row["rate"], row["seed"])):
        if row["rule"] == name:
            found.setdefault(row["rate"], []).append(math.inf if row["loss"] is None else row["loss"])
    return found


def best_rate(name: str, rows: Sequence[Row]) -> float:
    """Find the rate of the least mean, among those that have most seeds."""
    losses = losses_of(name, rows)
    most = min(SEEDS, max(len(found) for found in losses.values()))
    counted = {rate: mean(found) for rate, found in losses.items() if len(found) >= most}
    return min(counted, key=counted.__getitem__)


def best_losses(name: str, rows: Sequence[Row]) -> list[float]:
    """Give the losses at the best rate."""
    return losses_of(name, rows)[best_rate(name, rows)]


def ranked(rows: Sequence[Row]) -> list[str]:
    """List the rules that were measured, the best first."""
    measured = [rule.name for rule in RULES if losses_of(rule.name, rows)]
    return sorted(measured, key=lambda name: mean(best_losses(name, rows)))


def rank_correlation(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """Compare two orders of what is in both: 1 if they are the same, -1 if one is the other from behind.

    Spearman 1904, "The proof and measurement of association between two things", for orders without ties.
    """
    ours, theirs = ([name for name in one if name in other] for one, other in ((ours, theirs), (theirs, ours)))
    count = len(ours)
    return 1 - 6 * sum((ours.index(name) - theirs.index(name)) ** 2 for name in ours) / (count * (count**2 - 1))


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Write a row for each rule, and how far the orders agree."""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    order = ranked(rows)
    for rank, name in enumerate(order, start=1):
        theirs = (str(listed.index(name) + 1) if name in listed else "" for listed in PAPER.values())
        seconds = median(row["seconds"] for row in rows if row["rule"] == name)
        rate = f"{best_rate(name, rows):g}"
        optimizer = f"`{rule_named(name).kind}`"
        cells = (str(rank), name, optimizer, spread(best_losses(name, rows)), rate, f"{seconds:.0f} s", *theirs)
        yield "| " + " | ".join(cells) + " |"
    agreeing = ", ".join(f"{rank_correlation(order, listed):.2f} with {size}" for size, listed in PAPER.items())
    yield f"\nSpearman's rank correlation with the paper's order: {agreeing}."
    yield f"{len(rows)} runs, of {min(row['steps'] for row in rows)} steps each."


def spread(losses: Sequence[float]) -> str:
    """Write the mean, its standard error, and how many runs it is of if they are too few."""
    if not math.isfinite(mean(losses)):
        return "diverged"
    if len(losses) == 1:
        return f"{losses[0]:.3f} (one seed)"
    few = "" if len(losses) >= SEEDS else f" ({len(losses)} seeds)"
    return f"{mean(losses):.3f} ± {stdev(losses) / len(losses) ** 0.5:.3f}{few}"


def draw(rows: Sequence[Row]) -> None:
    """Draw a small picture for each rule, the best first: its losses over all rates, and those of all others behind."""
    order = ranked(rows)
    figure = Figure(figsize=(11, 7), layout="constrained")
    all_axes = figure.subplots(3, 4, sharey=True, sharex=False).flat
    lowest = min(mean(best_losses(name, rows)) for name in order)
    for axes, (rank, name) in zip(all_axes, enumerate(order, start=1), strict=False):
        axes.axhline(mean(best_losses(order[0], rows)), color=GREY, linewidth=1)
        curve(axes, losses_of(name, rows))
        axes.set_title(f"{rank}. {name}", loc="left", weight="bold", color=INK)
        axes.set(ylim=(lowest - 0.05, lowest + 1.0))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("learning rate", color=INK)
    figure.supylabel("loss on held-out text, nats a character; the grey line is the best rule's", color=INK)
    figure.savefig(ROOT / "docs" / "ranks.png", dpi=110)


def curve(axes: Axes, losses: Losses) -> None:
    """Draw the mean at each rate, and each seed as a dot; what diverged or lies above is left out."""
    rates = sorted(losses)
    axes.set_xscale("log")
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.set_xticks([], minor=True)
    axes.plot(rates, [mean(losses[rate]) for rate in rates], color=BLUE)
    for rate in rates:
        axes.plot([rate] * len(losses[rate]), losses[rate], ".", color=BLUE)
