"""Rank the twelve rules of arXiv 2509.01440 on a small language model, and set the paper's ranks beside them.

    nohup nice -n 19 python benchmarks/ranks.py &
    python benchmarks/ranks.py --only-report

Each rule is trained at rates of one grid, in steps of the root of ten. With the first seed the search goes up and down
until the best rate has clearly worse ones on both sides; then that rate, and after it its neighbours, are trained with
the other seeds. What counts is the mean loss of three seeds on held-out text, at the best of the rates that have all
three. Every run is a line of benchmarks/results/ranks.jsonl, written when it is done: an interrupted sweep goes on, and
a run gives the same loss whenever it is made. Writes the table of docs/choose.md and its picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from measuring.run_log import Row, command
from reports.ranks import write
from tasks.language_model import RULES, Rule, rate, trained

RESULTS = Path(__file__).parent / "results" / "ranks.jsonl"
CLEARLY = 0.02
"""Nats; from seed to seed, losses differ by about as much."""

STEPS, SEEDS, FARTHEST = 200, 3, 6
"""Steps of a run, seeds, and how many places the search may go away from where it began."""

PLACES = {rate(place): place for place in range(20)}
"""The places of rates on the common grid."""

Losses = dict[int, float]
"""The loss at each place of the grid; infinite where training diverged."""


def following(rows: list[Row]) -> Row | None:
    """Say which run comes next: what matters most first."""
    done = {(row["rule"], row["rate"], row["seed"]) for row in rows}
    for rule, place, seed in wanted(rows):
        if (rule.name, rate(place), seed) not in done:
            return {"rule": rule.name, "rate": rate(place), "seed": seed, "steps": STEPS}
    return None


def wanted(rows: list[Row]) -> Iterator[tuple[Rule, int, int]]:
    """List the search with one seed, then the other seeds at the best rates, then those at the rates beside them."""
    yield from ((rule, rule.start, 0) for rule in RULES)
    for _ in range(2 * FARTHEST):
        yield from ((rule, place, 0) for rule in RULES for place in beyond(rule, losses_of(rule, rows)))
    for seed in range(1, SEEDS):
        yield from ((rule, best(losses_of(rule, rows)), seed) for rule in RULES)
    for rule, place in contenders(rows):
        yield from ((rule, place, seed) for seed in range(1, SEEDS))


def contenders(rows: list[Row]) -> list[tuple[Rule, int]]:
    """List the rates beside the best ones, those first that may well turn out to be better."""
    found = []
    for rule in RULES:
        losses = losses_of(rule, rows)
        place = best(losses)
        reached = mean(losses_of(rule, rows, seed).get(place, math.inf) for seed in range(SEEDS))
        found += [(losses[each] - reached, rule, each) for each in (place - 1, place + 1) if each in losses]
    return [(rule, place) for _, rule, place in sorted(found, key=lambda item: item[0])]


def losses_of(rule: Rule, rows: list[Row], seed: int = 0) -> Losses:
    """Give the losses of a rule with one seed, by their place on the grid."""
    return {
        PLACES[row["rate"]]: math.inf if row["loss"] is None else row["loss"]
        for row in rows
        if row["rule"] == rule.name and row["seed"] == seed
    }


def best(losses: Losses) -> int:
    """Find the place of the least loss."""
    return min(losses, key=losses.__getitem__)


def beyond(rule: Rule, losses: Losses) -> Iterator[int]:
    """Give the next place, upwards first, unless one is clearly worse on that side, or the end is too far off."""
    least, place = min(losses.values()), best(losses)
    worse = [each for each, loss in losses.items() if loss >= least + CLEARLY]
    if not any(each > place for each in worse) and max(losses) < rule.start + FARTHEST:
        yield max(losses) + 1
    elif not any(each < place for each in worse) and min(losses) > rule.start - FARTHEST:
        yield min(losses) - 1


if __name__ == "__main__":
    command(__doc__, RESULTS, following, trained, write)
