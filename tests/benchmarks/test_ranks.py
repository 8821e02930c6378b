"""The sweep that ranks rules: what it runs, in which order, and what is read off its runs."""

import random
from itertools import takewhile

import pytest
import ranks
import scipy.stats
from ranks import PLACES
from reports import ranks as ranks_report
from tasks.language_model import RULES, rate


def swept(loss):
    """Run the whole sweep on losses that a function of rule, place and seed gives."""
    rows = []
    while (wanted := ranks.following(rows)) is not None:
        rows.append(wanted | {"loss": loss(wanted["rule"], PLACES[wanted["rate"]], wanted["seed"]), "seconds": 1.0})
    return rows


@pytest.fixture(scope="module")
def rows():
    """Losses with a least one at place 6 for every rule; the better the earlier it stands in the paper's list."""
    return swept(
        lambda name, place, seed: 2 + [rule.name for rule in RULES].index(name) / 9 + (place - 6) ** 2 / 8 + seed / 64
    )


def test_the_grid_has_steps_of_the_root_of_ten():
    assert [rate(place) for place in range(1, 8)] == [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]


def test_one_seed_of_all_rules_comes_first(rows):
    first = [*takewhile(lambda row: row["seed"] == 0, rows)]
    assert {row["rule"] for row in first[:12]} == {rule.name for rule in RULES}
    assert all(row["seed"] > 0 for row in rows[len(first) :])
    assert len({(row["rule"], row["rate"], row["seed"]) for row in rows}) == len(rows)


def test_other_seeds_are_for_the_best_rate_and_then_for_its_neighbours(rows):
    later = [PLACES[row["rate"]] for row in rows if row["rule"] == "AdamW" and row["seed"] > 0]
    assert later == [6, 6, 5, 5, 7, 7]


def test_the_search_goes_on_where_the_best_rate_is_at_an_end():
    for least in (2, 9):
        found = {
            PLACES[row["rate"]]
            for row in swept(lambda *at, least=least: (at[1] - least) ** 2)
            if row["rule"] == "AdamW"
        }
        assert {least - 1, least, least + 1} <= found
    endless = swept(lambda name, place, seed: -place)
    assert (
        max(PLACES[row["rate"]] for row in endless if row["rule"] == "AdamW" and row["seed"] == 0) == 5 + ranks.FARTHEST
    )


def test_a_plateau_of_high_rates_is_not_the_end_of_the_search():
    rows = swept(lambda name, place, seed: 2.8 + (place % 3) / 1000 if place > 4 else 2.4 + abs(place - 3) / 10)
    assert {ranks_report.best_rate(rule.name, rows) for rule in RULES if rule.start == 5} == {rate(3)}


def test_a_run_that_diverged_is_not_the_best():
    rows = swept(lambda name, place, seed: None if place > 6 else 3 - place / 10)
    assert ranks_report.best_rate("AdamW", rows) == rate(6)
    assert "inf" not in "\n".join(ranks_report.table(rows))


def test_rules_are_ranked_by_the_mean_of_all_seeds_at_the_best_rate(rows):
    assert ranks_report.ranked(rows) == [rule.name for rule in RULES]
    assert ranks_report.best_losses("AdamW", rows) == [2, 2 + 1 / 64, 2 + 2 / 64]
    lines = [*ranks_report.table(rows)]
    assert lines[2] == "| 1 | AdamW | `AdamW` | 2.016 ± 0.009 | 0.003 | 1 s | 4 | 4 |"
    assert "| 6 | Muon | `Muon` |" in lines[7]
    assert lines[7].endswith("|  |  |")


def test_a_lucky_seed_does_not_make_a_rate_the_best(rows):
    lucky = [*rows, {"rule": "AdamW", "rate": rate(2), "seed": 0, "loss": 1.0, "seconds": 1.0, "steps": 200}]
    assert ranks_report.best_rate("AdamW", lucky) == rate(6)
    assert ranks_report.best_rate("AdamW", [row for row in lucky if row["seed"] == 0]) == rate(2)


def test_orders_agree_as_scipy_says():
    ours = [*"abcdefghijk"]
    theirs = random.Random(0).sample(ours, len(ours))
    expected = scipy.stats.spearmanr(range(11), [theirs.index(name) for name in ours]).statistic
    assert ranks_report.rank_correlation([*ours, "z"], theirs) == pytest.approx(expected, rel=1e-12)
    assert ranks_report.rank_correlation(ours, ours[::-1]) == -1


def test_the_papers_lists_have_eleven_of_the_twelve():
    names = {rule.name for rule in RULES}
    assert all(names - {*listed} == {"Muon"} and len(listed) == 11 for listed in ranks_report.PAPER.values())
