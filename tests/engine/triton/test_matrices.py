"""Passes around a function of whole matrices, on Triton's kernels."""

import pytest
import torch

from ..matrix_steps import AROUND, KEPT, check_steps
from .conftest import DEVICE

pytestmark = pytest.mark.usefixtures("_compiled_only")


SHAPES = [(5, 7), (7, 5), (5, 7), (64, 65), (0, 3)]
"""Two that are stacked, one of several tiles, and one of nothing: the interpreter takes its time for each."""


@pytest.mark.parametrize(
    ("name", "dtype"), [("plain", torch.float32), ("max_grad_norm", torch.bfloat16), ("all", torch.float32)], ids=str
)
def test_the_bits_are_numpys(monkeypatch, name, dtype):
    check_steps(monkeypatch, dtype, DEVICE, SHAPES, engine="triton", **AROUND[name])


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_in_every_format(monkeypatch, kept):
    check_steps(monkeypatch, torch.bfloat16, DEVICE, SHAPES, engine="triton", **kept)
