"""The fewest steps to a loss: the search over lengths, and when a length passes."""

import random

import pytest
import steps_to_loss
from reports.steps_to_loss import table
from tasks.language_model import rule_named


@pytest.fixture
def searched(monkeypatch):
    """Run the whole search on losses that fall with the steps, from seed to seed a little different."""
    monkeypatch.setattr(steps_to_loss, "best_rate", lambda name, rows: 1e-3)

    def search(reached, noise=1e-3):
        rows, chance = [], random.Random(0)
        while (wanted := steps_to_loss.following(rows)) is not None:
            loss = steps_to_loss.TARGET * (reached / wanted["steps"]) ** 0.1 + chance.gauss(0, noise)
            rows.append(wanted | {"loss": loss, "seconds": 1.0})
        return rows

    return search


def test_the_ladder_has_steps_of_the_fourth_root_of_two():
    assert (steps_to_loss.LENGTHS[0], steps_to_loss.LENGTHS[4], steps_to_loss.LENGTHS[-1]) == (25, 50, 200)


@pytest.mark.parametrize("place", range(1, 12))
def test_the_shortest_length_that_passes_is_found(searched, place):
    rows = searched(steps_to_loss.LENGTHS[place] * 0.95)
    found = steps_to_loss.outcomes(rows)
    assert [*found] == [*steps_to_loss.NAMES]
    assert all(outcome.steps == steps_to_loss.LENGTHS[place] for outcome in found.values())
    assert all(len(outcome.losses) == 8 for outcome in found.values())
    assert {row["rate"] for row in rows} == {1e-3}


def test_a_target_out_of_reach_is_not_reached(searched):
    assert steps_to_loss.outcomes(searched(1000)) == {}


def test_a_length_passes_with_eight_seeds_and_little_doubt():
    below = [1.9, 1.95, 1.92, 1.97, 1.94, 1.96, 1.93, 1.99]
    assert steps_to_loss.verdict(below, 2.0) is True
    assert steps_to_loss.verdict(below[:7], 2.0) is None
    assert steps_to_loss.verdict([*below[:7], 2.3], 2.0) is False  # below on average, but not surely
    assert steps_to_loss.verdict([2.1, 2.1], 2.0) is None
    assert steps_to_loss.verdict([2.1, 2.1, 1.9], 2.0) is False
    assert steps_to_loss.verdict([1.9, float("inf"), 1.9], 2.0) is False


def test_the_search_goes_on_at_the_rate_that_it_began_with():
    rows = [{"rule": "AdamW", "rate": 0.5, "seed": 100, "steps": 140, "loss": 2.0}]
    assert steps_to_loss.rate_of(rule_named("AdamW"), rows) == 0.5


def test_the_table_says_how_many_times_fewer(searched):
    lines = [*table(steps_to_loss.outcomes(searched(95)), steps_to_loss.TARGET)]
    assert lines[3].startswith("| AdamW | 0.001 | 100 | 1.00 | 2.58")
    assert lines[3].endswith("after 84 |")
