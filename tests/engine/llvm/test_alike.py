"""Passes that do the same share machine code, whatever their numbers and vectors are called."""

import pytest
import torch

from thalweg import CAME, RACS, AdaShift
from thalweg.engine.llvm.kernels import kernel


def libraries_of(optimizer, steps, monkeypatch):
    """Take steps, and list the machine code of each kernel that they needed."""
    monkeypatch.setattr(kernel, "_kernels", {})
    for _ in range(steps):
        optimizer.step()
    return [id(each.library) for each in kernel._kernels.values()]


@pytest.mark.parametrize(("rule", "steps"), [(RACS, 1), (AdaShift, 10)])
def test_passes_that_are_repeated_or_take_turns_are_compiled_once(rule, steps, monkeypatch):
    param = torch.ones(8, 16)
    param.grad = torch.ones_like(param)
    found = libraries_of(rule([param]), steps, monkeypatch)
    assert len(found) >= 10
    assert len(set(found)) < len(found) / 2


def test_passes_that_store_the_same_in_another_order_are_compiled_once(monkeypatch):
    param = torch.ones(8, 16)
    param.grad = torch.ones_like(param)
    found = libraries_of(CAME([param]), 1, monkeypatch)
    # Three of the passes do what others do, two of these with results that are returned in another order.
    assert (len(found), len(set(found))) == (10, 7)
