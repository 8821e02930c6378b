"""Losses and residuals through which no parameter has a gradient: they are mistakes, and no minima."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class NoGradientError(RuntimeError):
    """What a closure gives does not depend on the parameters, as far as torch can see."""


def slopes_of(outputs: Tensor, tensors: Sequence[Tensor]) -> list[Tensor] | None:
    """Return derivatives with a graph, zero where only some tensors are out of reach; None where all are."""
    found = torch.autograd.grad(outputs, tensors, create_graph=True, allow_unused=True)
    if all(slope is None for slope in found):
        return None
    pairs = zip(found, tensors, strict=True)
    return [torch.zeros_like(tensor) if slope is None else slope for slope, tensor in pairs]
