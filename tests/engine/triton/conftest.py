"""Kernels on a GPU (THALWEG_TEST_DEVICE=cuda, as `make test-gpu` sets it), else in Triton's interpreter on the CPU."""

import os

import pytest
import torch

DEVICE = torch.device(os.environ.get("THALWEG_TEST_DEVICE", "cpu"))


@pytest.fixture(autouse=True)
def _triton():
    pytest.importorskip("triton")


@pytest.fixture
def device():
    return DEVICE
