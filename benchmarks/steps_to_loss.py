"""Find the fewest steps in which a rule reaches a fixed loss, by the rule of significance of a public competition.

    nohup nice -n 19 python benchmarks/steps_to_loss.py &
    python benchmarks/steps_to_loss.py --only-report

As in modded-nanogpt's third track (https://github.com/KellerJordan/modded-nanogpt): runs of so many steps, each with
its whole schedule, reach the target if their mean loss on held-out text lies below it with p < 0.01, by a one-sided
t-test; what is compared are steps, and not seconds. Here a length has eight seeds, none of which the search
for the rate has seen, and lengths stand on a ladder whose steps are the fourth root of two. It is halved until a length
passes and the next shorter one does not. A length is given up once three runs or more have a mean above the target.
The rate is the best one of benchmarks/ranks.py, which has runs of 200 steps. Every run is a line of
benchmarks/results/steps_to_loss.jsonl. Writes the table of docs/choose.md.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import mean

import ranks
from measuring.run_log import Row, command, read
from measuring.significance import p_below
from reports.ranks import best_rate
from reports.steps_to_loss import Outcome, write
from tasks.language_model import Rule, rule_named, trained

RESULTS = Path(__file__).parent / "results" / "steps_to_loss.jsonl"
NAMES = ("AdamW", "Muon", "SF-AdamW", "SOAP", "Lion")
TARGET = 2.6
"""Nats a character."""
LENGTHS = tuple(round(25 * 2 ** (place / 4)) for place in range(13))
"""From 25 to 200 steps."""
SEEDS = range(100, 108)
ENOUGH_TO_GIVE_UP, LIMIT = 3, 0.01


def verdict(losses: list[float], target: float = TARGET) -> bool | None:
    """Say whether a length passes; None if that takes more runs. A loss that is infinite is a run that diverged."""
    if len(losses) >= ENOUGH_TO_GIVE_UP and mean(losses) > target:
        return False
    if len(losses) < len(SEEDS):
        return None
    return p_below(losses, target) < LIMIT


def ends(rule: Rule, rows: list[Row]) -> tuple[int, int]:
    """Halve the ladder as far as runs go: give the longest place that fails, and the shortest that passes."""
    fails, passes = -1, len(LENGTHS)
    while passes - fails > 1:
        middle = (fails + passes) // 2
        found = verdict(losses_of(rule, LENGTHS[middle], rows))
        if found is None:
            break
        fails, passes = (fails, middle) if found else (middle, passes)
    return fails, passes


def losses_of(rule: Rule, steps: int, rows: list[Row]) -> list[float]:
    """Give the losses of a length that was tried, by their seeds."""
    found = {
        row["seed"]: math.inf if row["loss"] is None else row["loss"]
        for row in rows
        if (row["rule"], row["steps"]) == (rule.name, steps)
    }
    return [found[seed] for seed in sorted(found)]


def following(rows: list[Row]) -> Row | None:
    """Say which run comes next, one rule after the other."""
    for name in NAMES:
        rule = rule_named(name)
        fails, passes = ends(rule, rows)
        if passes - fails > 1:
            steps = LENGTHS[(fails + passes) // 2]
            seed = SEEDS[len(losses_of(rule, steps, rows))]
            return {"rule": name, "rate": rate_of(rule, rows), "seed": seed, "steps": steps}
    return None


def rate_of(rule: Rule, rows: list[Row]) -> float:
    """Go on with the rate that was begun with, or begin with the best one that is known."""
    begun = (float(row["rate"]) for row in rows if row["rule"] == rule.name)
    return next(begun, None) or best_rate(rule.name, read(ranks.RESULTS))


def outcomes(rows: list[Row]) -> dict[str, Outcome]:
    """Give what was found of the rules whose search is at its end, and did reach the target."""
    found = {}
    for rule in map(rule_named, NAMES):
        fails, passes = ends(rule, rows)
        if passes - fails == 1 and passes < len(LENGTHS):
            shorter = LENGTHS[fails] if fails >= 0 else 0
            losses = (losses_of(rule, LENGTHS[passes], rows), losses_of(rule, shorter, rows))
            found[rule.name] = Outcome(rate_of(rule, rows), LENGTHS[passes], losses[0], shorter, losses[1])
    return found


if __name__ == "__main__":
    command(__doc__, RESULTS, following, trained, lambda rows: write(outcomes(rows), TARGET))
