"""The examples of closure methods run and tell what they should."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples" / "closure_methods"
ARGUMENTS = {
    "bundle_adjustment": [],
    "burgers_pinn": ["20"],
    "curve_fit": [],
    "differentiate_a_fit": [],
    "full_batch_digits": [],
    "gaussian_process": [],
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


def test_the_curve_is_found_with_true_error_bars(run):
    text = run("curve_fit")
    rows = [numbers(r"(\d+\.\d+)", line) for line in text.splitlines() if "+-" in line]
    assert len(rows) == 4
    assert all(abs(value - true) < 4 * error < 0.2 for value, error, true in rows)
    linear, cauchy = numbers(r"loss: ([-\d.]+)", text)
    assert abs(cauchy - 2) < 0.1 < abs(linear - 2)
    # 4,000 numbers of a normal distribution: 68.3 % +- 0.7 %, less for the model's curvature.
    assert numbers(r"error bar: ([\d.]+)%", text)[0] == pytest.approx(67.5, abs=3)


def test_the_scales_of_a_gaussian_process_are_found(run):
    text = run("gaussian_process")
    noise, factor = numbers(r"([\d.]+)", next(line for line in text.splitlines() if line.startswith("noise")))
    assert 0.1 / factor**3 < noise < 0.1 * factor**3
    assert numbers(r"prediction ([\d.]+)", text)[0] < 0.2


@pytest.mark.slow
def test_wrong_matches_do_not_move_the_cameras(run):
    linear, huber, cauchy = numbers(r"loss: +([\d.]+) noises", run("bundle_adjustment"))
    assert cauchy < huber < linear / 4
    assert cauchy < 1


def test_penalties_are_learned_through_the_fit(run):
    text = run("differentiate_a_fit")
    before, after = numbers(r"validation loss ([\d.]+)", text)
    assert after < 0.8 * before
    equal, learned = numbers(r"accuracy ([\d.]+)%", text)
    assert learned > equal + 5


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
