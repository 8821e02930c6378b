"""The tables fit, and say what they should."""

import copy
import io
import math

import pytest
from rich.console import Console
from rich.text import Text

from thalweg.optimizer import registry
from thalweg.tools.comparison.choose import Choice
from thalweg.tools.comparison.repeated import repeated
from thalweg.tools.comparison.tables import MEASURES, Comparison
from thalweg.tools.showing.catalogue import catalogue

GREEN, RED = "\x1b[1;32m", "\x1b[31m"


def printed(table, width=100, in_color=False):
    console = Console(file=io.StringIO(), width=width, force_terminal=in_color, color_system="standard")
    console.print(table)
    return console.file.getvalue()


def line_of(text, name):
    return next(line for line in text.splitlines() if name in line)


def test_the_columns_are_there(runs):
    header = line_of(printed(Comparison(runs, "a title")), "Optimizer")
    titles = ["Optimizer", "Options", "Train loss", "Test accuracy", "In step()", "In all"]
    assert [header.find(title) for title in titles] == sorted(header.find(title) for title in titles)
    assert all(title in header for title in titles)


@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_cut_off(runs, width):
    text = printed(Comparison(runs, "a title"), width)
    assert "…" not in text
    assert all(run.choice.name in text for run in runs)


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_a_narrow_terminal_shows_fewer_numbers_and_these_whole(runs, width):
    text = Text.from_ansi(printed(Comparison(runs, "a title"), width)).plain
    assert "…" not in text
    words = text.split()
    assert all(f"{run.test_accuracy:.1%}" in words for run in runs if math.isfinite(run.test_accuracy))
    assert "(lr=0.01)" in words or width < 40
    left_out = "Left out for lack of room" in " ".join(words)
    assert left_out == (width < 80)
    assert left_out or all(f"{run.train_loss:.5f}" in words for run in runs if math.isfinite(run.train_loss))


def test_the_learning_rate_is_always_told(runs):
    text = printed(Comparison(runs, "a title"))
    assert "(lr=0.01)" in line_of(text, " Adam ")
    assert "lr=1000000.0" in line_of(text, "SGD")


def test_best_is_green_and_trouble_red(runs):
    adam, torchs, *troubled = runs
    text = printed(Comparison(runs, "a title"), in_color=True)
    winner = "torch.Adam" if torchs.train_loss < adam.train_loss else " Adam "
    assert f"{GREEN}{min(adam.train_loss, torchs.train_loss):.5f}" in line_of(text, winner)
    for run in troubled:
        assert RED in line_of(text, run.choice.name)
        assert GREEN not in line_of(text, run.choice.name)


def test_the_catalogue_lists_every_optimizer():
    text = printed(catalogue(registry))
    assert all(f" {name} " in text for name in registry)
    assert "lr (required)" in text
    assert "betas=0.9/0.999" in text


def test_who_learns_nothing_is_best_in_nothing(runs):
    """A run that ends above its first loss may be the fastest of all."""
    slow, fast = copy.copy(runs[0]), copy.copy(runs[0])
    fast.choice = Choice("Fast", slow.choice.kind)
    fast.steps = [step._replace(seconds=0.0, seconds_in_step=0.0) for step in slow.steps]
    fast.train_loss = 1.5 * fast.steps[0].loss
    groups = repeated([slow, fast])
    assert not groups[1].trouble
    assert all(measure.of_best(groups) is groups[0] for measure in MEASURES)
