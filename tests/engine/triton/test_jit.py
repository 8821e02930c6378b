"""Every optimizer, and every format, through Triton's real compiler, which the interpreter goes round."""

import subprocess
import sys

import pytest

from ..conftest import ROOT

FORMATS = ("float32", "bf16 stochastic", "bf16 master", "8bit", "4bit", "clip and average")


@pytest.mark.slow
def test_all_kernels_are_built_and_launched():
    command = [sys.executable, "-m", "tests.engine.triton.stand_in"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("built and launched") >= 100
    assert all(run.stdout.count(f" {form} ") >= 5 for form in FORMATS), run.stdout
