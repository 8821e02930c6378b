"""Passes around a function of whole matrices, on Triton's kernels."""

import pytest
import torch

from ..matrix_steps import AROUND, KEPT, check_steps
from .conftest import DEVICE

pytestmark = pytest.mark.usefixtures("_compiled_only")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("around", [AROUND[name] for name in ("plain", "max_grad_norm", "all")])
def test_the_bits_are_numpys(monkeypatch, dtype, around):
    check_steps(monkeypatch, dtype, DEVICE, engine="triton", **around)


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_in_every_format(monkeypatch, kept):
    check_steps(monkeypatch, torch.bfloat16, DEVICE, engine="triton", **kept)
