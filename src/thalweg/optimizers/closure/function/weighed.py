"""Derivatives of several outputs at once, each number weighed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .vector import real_view

FEW = 10_000
"""Numbers up to which a scalar product takes less time than what it saves."""


def weighed_slopes(
    outputs: Sequence[Tensor], weights: Sequence[Tensor], inputs: Tensor | Sequence[Tensor], **options: Any
) -> tuple[Tensor, ...]:
    """Return what `torch.autograd.grad(outputs, inputs, weights)` returns, with the same bits.

    The first call of a process with weights loads SymPy, which takes 0.3 s. So those of a few numbers are multiplied
    by their outputs first; what is differentiated are the products.
    """
    if sum(map(Tensor.numel, outputs)) > FEW:
        return torch.autograd.grad(outputs, inputs, weights, **options)
    with torch.enable_grad():
        products = [torch.dot(flat(one), flat(other)) for one, other in zip(outputs, weights, strict=True)]
    return torch.autograd.grad(products, inputs, **options)


def flat(tensor: Tensor) -> Tensor:
    """Return the real numbers of a tensor, shape (n,)."""
    real = real_view(tensor)
    return real if real.dim() == 1 else real.reshape(-1)
