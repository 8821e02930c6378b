"""Newton and Schulz's iteration in bfloat16: by a processor's own products, or by float32's where it has none.

Where a processor has no instructions for bfloat16, torch multiplies one number after the other: 256 x 256 times the
same took 25 ms on an AMD EPYC of 2021, and 0.75 ms in float32. A product of two such numbers is exact in float32, and
torch adds up in float32, too, and rounds the sum once. So both ways differ by the order of a sum alone.

Small products are made in float32 on every processor. In bfloat16, torch would leave many of them to oneDNN, but not a
few, and so a matrix would have other bits alone than beside others. For five matrices or more it is faster, too.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache, partial

import torch
from torch import Tensor

from .matrix_products import add_product, add_symmetric
from .row_products import RowProduct, are_large, is_plain, made_alone

Threes = Iterable[tuple[float, float, float]]

PIECE = 2**20
"""Elements that are worked on at once, unless one matrix alone has more: what fits a processor's caches stays there."""

OF_ONEDNN = 16**3
"""Multiplications in a whole stack beyond which torch leaves bfloat16 to oneDNN, which adds up in another order."""


def iterated(x: Tensor, coefficients: Threes) -> Tensor:
    """Take steps X <- a X + b (X X^T) X + c (X X^T)^2 X, each product being rounded to bfloat16.

    Shape: (count, rows, columns) in bfloat16, to the same.
    """
    make = _in_float32 if is_plain(x) and not has_own() else _in_bfloat16
    rows, columns = x.shape[1:]
    return made_alone(partial(make, coefficients=list(coefficients)), x, rows * rows * columns)


@cache
def has_own() -> bool:
    """Tell if this processor multiplies bfloat16 by instructions of its own, as far as torch knows."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if any(getattr(torch.cpu, name, bool)() for name in asked):
        return True
    return platform.machine() in ("aarch64", "arm64") and _is_used_by_onednn()


def _is_used_by_onednn() -> bool:
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def _in_bfloat16(x: Tensor, coefficients: Threes) -> Tensor:
    for a, b, c in coefficients:
        gram = _product(x, x.mT)
        # A cubic step has one product less.
        polynomial = _add_product(gram, gram, gram, b, c, is_symmetric=True) if c else b * gram
        x = _add_product(x, polynomial, x, a, 1)
    return x


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply a matrix by its own transpose."""
    if _are_small(left, right):
        return (left.float() @ right.float()).bfloat16()
    if are_large(left, right):
        out = left.new_empty(*left.shape[:2], right.shape[2])
        return RowProduct(out, left, right, 0, 1, out, is_symmetric=True).make()
    return left @ right


def _add_product(
    added: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float, is_symmetric: bool = False
) -> Tensor:
    if _are_small(left, right):
        return torch.baddbmm(added.float(), left.float(), right.float(), beta=beta, alpha=alpha).bfloat16()
    if are_large(left, right):
        return RowProduct(added, left, right, beta, alpha, torch.empty_like(added), is_symmetric).make()
    return torch.baddbmm(added, left, right, beta=beta, alpha=alpha)


def _are_small(left: Tensor, right: Tensor) -> bool:
    """Tell if it goes by the number of matrices who multiplies them; in float32 each has the bits that it has alone."""
    return left.device.type == "cpu" and left.shape[1] * left.shape[2] * right.shape[2] <= OF_ONEDNN


def _in_float32(x: Tensor, coefficients: Threes) -> Tensor:
    made = torch.empty(x.shape, dtype=torch.bfloat16, device=x.device)
    count = max(PIECE // max(x.shape[1] * x.shape[2], 1), 1)
    for first in range(0, len(x), count):
        _take_steps(x[first : first + count], made[first : first + count], coefficients)
    return made


def _take_steps(x: Tensor, made: Tensor, coefficients: Threes) -> None:
    """Write into another tensor what steps make of some matrices."""
    count, rows, _ = x.shape
    made.copy_(x)
    wide, next_wide = torch.empty(2, *x.shape, dtype=torch.float32, device=x.device).copy_(x).unbind()
    gram, polynomial = torch.empty(2, count, rows, rows, dtype=torch.float32, device=x.device).unbind()
    narrow = torch.empty(count, rows, rows, dtype=torch.bfloat16, device=x.device)
    add, symmetric = (_add_rows, _add_symmetric_rows) if are_large(x, x.mT) else (add_product, add_symmetric)
    for a, b, c in coefficients:
        symmetric(gram, wide, wide.mT, 0, 1, gram)
        _round(gram, narrow)
        if c:
            symmetric(gram, gram, gram, b, c, polynomial)
        else:
            torch.mul(gram, b, out=polynomial)
        _round(polynomial, narrow)
        add(wide, polynomial, wide, a, 1, next_wide)
        wide, next_wide = next_wide, wide
        _round(wide, made)


def _add_rows(added: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float, out: Tensor) -> Tensor:
    return RowProduct(added, left, right, beta, alpha, out).make()


def _add_symmetric_rows(added: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float, out: Tensor) -> Tensor:
    return RowProduct(added, left, right, beta, alpha, out, is_symmetric=True).make()


def _round(wide: Tensor, narrow: Tensor) -> None:
    """Round to bfloat16, in place; the other tensor has the numbers, too."""
    narrow.copy_(wide)
    wide.copy_(narrow)
