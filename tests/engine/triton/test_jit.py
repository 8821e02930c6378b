"""Every optimizer, and every format, through Triton's real compiler, which the interpreter goes round."""

import subprocess
import sys

import pytest

from ..conftest import ROOT

FORMATS = ("float32", "bf16 stochastic", "bf16 master", "8bit", "4bit", "clip and average")


def run(module):
    command = [sys.executable, "-m", f"tests.engine.triton.{module}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_whatever_a_device_refuses_the_eager_engine_goes_on():
    tried = run("failing")
    assert tried.returncode == 0, tried.stdout + tried.stderr


@pytest.mark.slow
def test_all_kernels_are_built_and_launched():
    tried = run("sweep")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert tried.stdout.count("built and launched") >= 150
    assert all(tried.stdout.count(f" {form} ") >= 5 for form in FORMATS), tried.stdout
