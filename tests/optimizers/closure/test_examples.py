"""The examples of closure methods run and tell what they should."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples" / "closure_methods"
ARGUMENTS = {
    "burgers_pinn": ["20"],
    "curve_fit": [],
    "full_batch_digits": [],
    "logistic_regression": [],
    "poisson_pinn": ["300"],
    "trajectories": ["picture"],
}


@pytest.fixture(name="run")
def _run(capsys, monkeypatch, tmp_path):
    def run(name):
        arguments = [str(tmp_path / "ways.png") if word == "picture" else word for word in ARGUMENTS[name]]
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"))
        return capsys.readouterr().out

    return run


def numbers(pattern, text):
    return [float(word) for word in re.findall(pattern, text)]


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(ARGUMENTS)


def test_the_curve_is_found(run):
    values = numbers(r"([-\d.]+)   true", run("curve_fit"))
    assert values == pytest.approx([2.0, 0.7, 5.0, 0.4], abs=0.1)


def test_the_methods_agree_on_the_regression(run):
    losses = numbers(r"loss ([\d.]+)", run("logistic_regression"))
    assert len(losses) == 4
    assert max(losses) - min(losses) < 1e-8


@pytest.mark.slow
def test_the_digits_are_learned(run):
    assert min(numbers(r"accuracy ([\d.]+)", run("full_batch_digits"))) > 90


@pytest.mark.slow
def test_the_networks_go_down(run):
    assert max(numbers(r"loss ([-+\de.]+) ", run("poisson_pinn"))) < 100  # from 780
    burgers = numbers(r"Loss ([-+\de.]+),", run("burgers_pinn"))
    assert burgers == sorted(burgers, reverse=True)


@pytest.mark.slow
def test_the_picture_is_drawn(run, tmp_path):
    run("trajectories")
    assert (tmp_path / "ways.png").stat().st_size > 10_000
