"""Recipes for trainers, each with the real one where it is installed."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest

from ..catalogue.authorities import stand_in

FOLDER = Path(__file__).parents[2] / "examples" / "recipes"
TRAINERS = {"hugging_face": "transformers", "lightning": "lightning.pytorch", "accelerate": "accelerate"}

pytestmark = pytest.mark.filterwarnings("ignore")  # of theirs


def run(trainer, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / f"train_with_{trainer}.py"))
    first, last = (float(loss) for loss in re.findall(r"^loss ([\d.]+)", capsys.readouterr().out, re.MULTILINE))
    assert last < 0.8 * first


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trainer_learns(trainer, capsys, tmp_path, monkeypatch):
    pytest.importorskip(TRAINERS[trainer])
    run(trainer, capsys, tmp_path, monkeypatch)


def test_a_loop_of_timm_learns(capsys, tmp_path, monkeypatch):
    """Run it without the models of timm, which want torchvision."""
    for package in ("timm", "timm.utils", "timm.scheduler"):
        try:
            stand_in(package)
        except ImportError:
            pytest.skip("timm is not installed")
    for package, module, name in (("utils", "cuda", "NativeScaler"), ("scheduler", "cosine_lr", "CosineLRScheduler")):
        found = getattr(importlib.import_module(f"timm.{package}.{module}"), name)
        monkeypatch.setattr(sys.modules[f"timm.{package}"], name, found, raising=False)
    run("timm", capsys, tmp_path, monkeypatch)


def test_every_recipe_for_a_trainer_is_run_here():
    assert {path.stem for path in FOLDER.glob("train_with_*.py")} == {
        f"train_with_{name}" for name in (*TRAINERS, "timm")
    }
