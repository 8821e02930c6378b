"""Products of matrices that are known to be symmetric: one half is computed, the other is its mirror image."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..available import interprets


class Tile(NamedTuple):
    """Rows of a square of the result, how much of a sum is taken at once, and what a program is made of."""

    rows: int
    depth: int
    num_warps: int
    num_stages: int
    maxnreg: int
    """Registers a thread: 65,536 are on a multiprocessor."""

    @property
    def options(self) -> dict[str, Any]:
        """What Triton is told."""
        return {
            "num_warps": self.num_warps,
            "num_stages": self.num_stages,
            "maxnreg": self.maxnreg,
            "enable_fp_fusion": False,
        }


TILES = {(8, 0): Tile(128, 32, 8, 4, 255), (9, 0): Tile(128, 64, 8, 3, 128)}
"""By compute capability, an A100's and an H100's: none spills registers. Two of an H100's share a multiprocessor."""

_built: dict[tuple[Any, ...], Any] = {}
"""Compiled kernels, by all that they were compiled for; Triton's interpreter compiles none."""


def symmetric_product(
    left: Tensor,
    right: Tensor,
    dtype: torch.dtype,
    scale: float = 1.0,
    added: Tensor | None = None,
    added_scale: float = 0.0,
    diagonal: float = 0.0,
) -> Tensor:
    """Make scale * left @ right.mT + added_scale * added + diagonal * identity, which must be symmetric.

    Shapes: (count, rows, depth) for both factors, which lie alike in memory, and are float16 or bfloat16;
    (count, rows, rows), contiguous, for what is added and for the result, which has the `dtype` that is asked for.
    Sums are taken in float32. Where roundings make the halves differ, the lower one counts, but for the tiles on the
    diagonal, which are stored as they are.
    """
    (count, rows, depth), tile = left.shape, tile_of(left.device)
    result = torch.empty((count, rows, rows), dtype=dtype, device=left.device)
    tiles = -(-rows // tile.rows)
    fits = rows % tile.rows == 0 and depth % tile.depth == 0
    _launch(
        tile,
        (tiles * (tiles + 1) // 2, count, 1),
        *(left, right, result if added is None else added, result),
        *(rows, depth, *left.stride(), float(scale), float(added_scale), float(diagonal)),
        *(added is not None, fits, interprets(), tile.rows, tile.depth),
    )
    return result


@cache
def tile_of(device: torch.device) -> Tile:
    """Look up the tile for a device; the interpreter takes any."""
    return TILES[torch.cuda.get_device_capability(device) if device.type == "cuda" else (9, 0)]


def _launch(tile: Tile, grid: tuple[int, int, int], *arguments: Any) -> None:
    """Launch the kernel by the handle that its first launch gave: the JIT takes longer to find it than to launch it."""
    left, _, added, result, *numbers = arguments
    key = (left.device, left.dtype, added.dtype, result.dtype, *numbers[:5], *numbers[8:], tile)
    if _built.get(key) is None:
        _built[key] = kernel[grid](*arguments, **tile.options)
    else:
        _built[key][grid](*arguments)


@triton.jit
def folded(place, tiles):
    """Find the row and column of a tile on or below the diagonal: the triangle is folded to a rectangle of places."""
    half, is_even = (tiles + 1) // 2, 1 - tiles % 2
    row, column = place // half, place % half
    is_above = row < column + is_even
    return tl.where(is_above, half + column + is_even - 1, row - is_even), tl.where(is_above, half + row, column)


@triton.jit
def read(places, inside, FITS: tl.constexpr):
    """Read a tile: zeros beyond the edge."""
    return tl.load(places) if FITS else tl.load(places, inside, 0.0)


@triton.jit
def write(places, values, inside, FITS: tl.constexpr):
    """Write a tile, but for what lies beyond the edge."""
    if FITS:
        tl.store(places, values)
    else:
        tl.store(places, values, inside)


@triton.jit
def kernel(
    left,
    right,
    added,
    result,
    rows,
    depth,
    matrix_stride,
    row_stride,
    depth_stride,
    scale,
    added_scale,
    diagonal,
    ADDS: tl.constexpr,
    FITS: tl.constexpr,
    WIDENS: tl.constexpr,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Make a tile on or below the diagonal of one matrix, and its mirror image."""
    row, column = folded(tl.program_id(0), tl.cdiv(rows, ROWS))
    matrix = tl.program_id(1).to(tl.int64)
    down, across = row * ROWS + tl.arange(0, ROWS), column * ROWS + tl.arange(0, ROWS)
    along = tl.arange(0, DEPTH)
    lefts = left + matrix * matrix_stride + down[:, None] * row_stride + along[None, :] * depth_stride
    rights = right + matrix * matrix_stride + across[:, None] * row_stride + along[None, :] * depth_stride
    made = tl.zeros((ROWS, ROWS), tl.float32)
    for start in range(0, depth, DEPTH):
        is_within = (start + along < depth)[None, :]
        one = read(lefts + start * depth_stride, (down < rows)[:, None] & is_within, FITS)
        other = read(rights + start * depth_stride, (across < rows)[:, None] & is_within, FITS)
        if WIDENS:
            # Triton's interpreter would multiply the bits of bfloat16 as whole numbers.
            one, other = one.to(tl.float32), other.to(tl.float32)
        made = tl.dot(one, tl.trans(other), made)
    made *= scale
    inside = (down < rows)[:, None] & (across < rows)[None, :]
    places = matrix * rows * rows + down[:, None] * rows + across[None, :]
    if ADDS:
        made += added_scale * read(added + places, inside, FITS).to(tl.float32)
    made += tl.where(down[:, None] == across[None, :], diagonal, 0.0)
    half = made.to(result.dtype.element_ty)
    write(result + places, half, inside, FITS)
    if row != column:
        places = matrix * rows * rows + across[:, None] * rows + down[None, :]
        write(result + places, tl.trans(half), tl.trans(inside), FITS)
