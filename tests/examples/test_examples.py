"""Each example runs, tells what it should, and is short enough to be read at one go."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.fixture
def run(capsys):
    def run(name):
        [path] = [path for path in EXAMPLES if path.stem == name]
        runpy.run_path(str(path))
        return capsys.readouterr().out

    return run


def accuracy(text):
    return float(re.search(r"test accuracy ([\d.]+)%", text)[1])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_has_at_most_80_lines(path):
    assert len(path.read_text().splitlines()) <= 80


@pytest.mark.slow
@pytest.mark.parametrize("name", ["closure", "no_closure", "per_layer_options"])
def test_learns_the_digits(run, name):
    assert accuracy(run(name)) > 95


@pytest.mark.slow
def test_closure_or_not_is_the_same_training(run):
    assert run("closure") == run("no_closure")


@pytest.mark.slow
def test_a_resumed_training_is_bit_identical(run):
    assert "bit-identical: True" in run("save_and_resume")


def test_a_learned_learning_rate_is_better(run):
    losses = [float(number) for number in re.findall(r"steps ([\d.]+)", run("learn_the_learning_rate"))]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 100  # what is left is the noise


def test_every_example_is_run_here():
    named = Path(__file__).read_text()
    assert EXAMPLES
    assert all(f'"{path.stem}"' in named for path in EXAMPLES)
