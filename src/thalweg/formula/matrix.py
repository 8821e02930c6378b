"""What is done to whole matrices, on torch's tensors: no loop over elements could, so passes are cut there.

Each function takes a stack of tensors of one shape, and numbers; a tensor's first dimension, after `batch_dims` that
only count matrices, is the matrices' rows, and all others together are its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


def matrix_shape(shape: Sequence[int], batch_dims: int) -> tuple[int, int]:
    """Count the rows and columns of a tensor's matrices."""
    sizes = shape[batch_dims:] or (1,)
    return sizes[0], prod(sizes[1:])


def work_dtype(compute: torch.dtype) -> torch.dtype:
    """Say in what such functions are given tensors: they work in bfloat16, to which float64 is rounded by torch."""
    return torch.float32 if compute is torch.float64 else torch.bfloat16


def newton_schulz(stack: Tensor, a: float, b: float, c: float, steps: float, eps: float, batch_dims: float) -> Tensor:
    """Move every singular value towards 1, in bfloat16: products of matrices, which machines are fastest at.

    Shape: (count, *shape) to the same, in bfloat16. Jordan et al. 2024, "Muon: An optimizer for hidden layers
    in neural networks", the iteration X <- a X + b (X X^T) X + c (X X^T)^2 X. https://kellerjordan.github.io/posts/muon/
    """
    counted = int(batch_dims) + 1
    rows, columns = matrix_shape(stack.shape, counted)
    x = stack.bfloat16().reshape(prod(stack.shape[:counted]), rows, columns)
    x = x.mT if rows > columns else x
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=eps)
    for _ in range(int(steps)):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if rows > columns else x).reshape(stack.shape)


MATRIX_FUNCTIONS = {"orthogonalize": newton_schulz}
"""Each function by its name."""
