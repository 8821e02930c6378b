"""Kernels on a GPU (THALWEG_TEST_DEVICE=cuda, as `make test-gpu` sets it), else in Triton's interpreter on the CPU."""

import os
from importlib.util import find_spec

import torch

NAME = os.environ.get("THALWEG_TEST_DEVICE", "cpu")
DEVICE = torch.device(NAME, 0) if NAME != "cpu" else torch.device("cpu")

if find_spec("triton") is None:
    # There is none for this machine.
    collect_ignore_glob = ["test_*.py"]
