"""Kernels on a GPU (THALWEG_TEST_DEVICE=cuda, as `make test-gpu` sets it), else in Triton's interpreter on the CPU."""

import os
from importlib.util import find_spec

import pytest
import torch

NAME = os.environ.get("THALWEG_TEST_DEVICE", "cpu")
DEVICE = torch.device(NAME, 0) if NAME != "cpu" else torch.device("cpu")

if find_spec("triton") is None:
    # There is none for this machine.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def _large_tiles(monkeypatch):
    """Interpret tiles of 16 blocks instead of one block after the other: test_source.py has it that bits are the same.

    What is interpreted takes as long for many elements as for few.
    """
    if DEVICE.type == "cpu":
        from thalweg.engine.triton import kernel, settings

        chosen = kernel.setting_of
        large = {settings.USUAL: settings.Setting(16, 4), settings.CODED: settings.Setting(16, 4)}
        monkeypatch.setattr(kernel, "setting_of", lambda *program: large.get(found := chosen(*program), found))
