"""Each recipe runs on tiny data and tells what it should; trackers are stood in for where they are not installed."""

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

RECIPES = sorted((Path(__file__).parents[2] / "examples" / "recipes").glob("*.py"))


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(name):
        [path] = [path for path in RECIPES if path.stem == name]
        runpy.run_path(str(path))
        return capsys.readouterr().out

    return run


def numbers(pattern, text):
    return [float(number) for number in re.findall(pattern, text)]


def test_the_rate_rises_and_falls(run):
    told = run("warm_up_and_cosine")
    first, top, last = numbers(r"rate ([\d.]+)", told)
    assert first < top == 0.01 > last == 0
    losses = numbers(r"loss ([\d.]+)", told)
    assert losses[2] < losses[0] / 10


def test_the_scale_falls_until_nothing_overflows(run):
    told = run("grad_scaler")
    scales, losses = numbers(r"scale (\d+)", told), numbers(r"loss ([\d.]+)", told)
    assert scales == sorted(scales, reverse=True)
    assert scales[1] < 2.0**30
    assert losses[1] < losses[0] / 4


def test_the_average_is_better(run):
    own, average = numbers(r"(\d\.\d{4})", run("averaged_weights"))
    assert average < own / 2


def test_pieces_make_the_same_step(run):
    """Sums of a mean in another order: a few units in the last place, ten times."""
    assert numbers(r"pieces: (\S+)", run("accumulation"))[0] < 1e-5


def test_eight_bits_take_a_third_and_learn_as_well(run):
    told = run("eight_bit")
    large, small = numbers(r"([\d]+)(?= bytes)", told.replace(",", ""))
    full, eight = numbers(r"loss ([\d.]+)", told)
    assert small < large / 2.5
    assert eight < 2 * full + 0.05


def test_no_gradient_is_kept(run):
    told = run("step_in_backward")
    first, last = numbers(r"loss ([\d.]+)", told)
    assert last < first / 4
    assert numbers(r"kept: (\d+)", told) == [0, 0]


def test_two_optimizers_meet(run):
    assert 2 < numbers(r"generator's ([-\d.]+)", run("gan"))[0] < 4


def test_groups_and_their_rate(run):
    told = run("groups_and_rate")
    assert "no decay, as it has fewer than two dimensions" in told
    rates = [float(rate) for rate in re.search(r"rates \[(.*)\]", told)[1].split(", ")]
    assert len(rates) == 4
    assert max(rates) == pytest.approx(2 * min(rates), rel=0.1)


class Anything(ModuleType):
    """A stand-in for a tracker: it takes every call, and notes it."""

    def __init__(self, name, noted):
        super().__init__(name)
        self.__dict__.update(__path__=[], noted=noted)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*values, **keywords):
            self.noted.append((name, values, keywords))
            return self

        return call


@pytest.mark.parametrize(
    ("tracker", "module", "call"),
    [
        ("tensorboard", "torch.utils.tensorboard", "add_scalar"),
        ("wandb", "wandb", "log"),
        ("trackio", "trackio", "log"),
        ("aim", "aim", "track"),
    ],
)
def test_a_tracker_is_told(run, monkeypatch, tracker, module, call):
    noted = []
    monkeypatch.setitem(sys.modules, module, Anything(module, noted))
    run(f"watch_with_{tracker}")
    told = str([each for each in noted if each[0] == call])
    for name in ("loss", "lr", "grad_norm", "update_to_weight", "clipped", "skipped"):
        assert told.count(name) == 4  # at steps 0, 5, 10 and 15
    assert noted[-1][0] in ("close", "finish")


def test_every_recipe_is_run_here():
    named = Path(__file__).read_text()
    trackers = {f"watch_with_{name}" for name in ("tensorboard", "wandb", "trackio", "aim")}
    assert RECIPES
    others = [path for path in RECIPES if not path.stem.startswith("train_with_")]  # those are run by test_trainers.py
    assert all(f'"{path.stem}"' in named or path.stem in trackers for path in others)
    assert all(len(path.read_text().splitlines()) <= 50 for path in RECIPES)
