"""A tile of blocks: what a block shares, codes that share a byte, and the order in which columns are added."""

import pytest
import torch
import triton
import triton.language as tl

from thalweg.engine.triton.device.rounding import exact
from thalweg.engine.triton.language.tile import (
    added_in_order,
    block_peak,
    load_packed,
    pairwise,
    places,
    store_packed,
    sum_of_pieces,
)

from ..summed_lines import added
from .conftest import DEVICE

BLOCKS = 4
SIZE = BLOCKS * 256
EXACT = exact(DEVICE)


@triton.jit
def peak_kernel(x, results, count, ALIGNED: tl.constexpr, BLOCKS: tl.constexpr):
    place = places(BLOCKS)
    peaks = block_peak(tl.load(x + place), place < count, ALIGNED)
    tl.store(results + place, tl.broadcast_to(peaks, (2, BLOCKS, 128)))


@triton.jit
def packed_kernel(codes, packed, unpacked, count, ALIGNED: tl.constexpr, BLOCKS: tl.constexpr):
    place = places(BLOCKS)
    store_packed(packed, tl.load(codes + place), 0, count, BLOCKS, ALIGNED)
    tl.debug_barrier()
    tl.store(unpacked + place, load_packed(packed, count, BLOCKS, ALIGNED))


@triton.jit
def sum_kernel(x, result, BLOCKS: tl.constexpr):
    columns = added_in_order(tl.zeros((2, 128), tl.float64), tl.load(x + places(BLOCKS)), BLOCKS)
    tl.store(result, pairwise(columns))


@triton.jit
def pieces_kernel(sums, result, count):
    tl.store(result, sum_of_pieces(sums + 1, 3, count))


@pytest.mark.parametrize("is_aligned", [False, True])
@pytest.mark.parametrize("count", [1, 255, 256, 700, SIZE])
def test_the_peak_of_a_block_knows_what_is_inside(count, is_aligned):
    x = torch.randn(SIZE, device=DEVICE)
    x[300] = torch.nan
    if not is_aligned:
        # What lies outside is never looked at.
        x[count:] = 1e30
    results = torch.empty_like(x)
    peak_kernel[(1,)](x, results, count, ALIGNED=is_aligned, BLOCKS=BLOCKS, **EXACT)
    sizes = x.abs() if is_aligned else torch.where(torch.arange(SIZE, device=DEVICE) < count, x.abs(), 0)
    wanted = sizes.view(-1, 256).amax(1).repeat_interleave(256)
    torch.testing.assert_close(results, wanted, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("count", [1, 130, 256, 700, SIZE])
def test_two_codes_share_a_byte(count):
    codes = torch.randint(0, 16, (SIZE,), dtype=torch.int32, device=DEVICE)
    packed = torch.zeros(SIZE // 2, dtype=torch.uint8, device=DEVICE)
    unpacked = torch.empty_like(codes)
    packed_kernel[(1,)](codes, packed, unpacked, count, ALIGNED=count % 256 == 0, BLOCKS=BLOCKS, **EXACT)
    assert torch.equal(unpacked[:count], codes[:count])
    there = torch.where(torch.arange(SIZE, device=DEVICE) < count, codes, 0).view(BLOCKS, 2, 128)
    assert torch.equal(packed.view(BLOCKS, 128).int(), there[:, 0] | there[:, 1] << 4)


@pytest.mark.parametrize(("blocks", "warps"), [(1, 2), (2, 2), (4, 2), (8, 1)])
def test_blocks_are_added_in_order_and_columns_pairwise(blocks, warps):
    sizes = 10.0 ** torch.randint(-8, 8, (blocks * 256,), device=DEVICE)
    x = torch.randn(blocks * 256, dtype=torch.float64, device=DEVICE) * sizes
    result = torch.empty(1, dtype=torch.float64, device=DEVICE)
    sum_kernel[(1,)](x, result, BLOCKS=blocks, num_warps=warps, **EXACT)
    assert result.item() == added(x.cpu().numpy())


@pytest.mark.parametrize("count", [1, 2, 100, 256, 257, 3000])
def test_sums_of_pieces_are_added_as_elements_are(count):
    sums = torch.randn(count, 3, dtype=torch.float64, device=DEVICE)
    sums *= 10.0 ** torch.randint(-8, 8, (count, 3), device=DEVICE)
    result = torch.empty(1, dtype=torch.float64, device=DEVICE)
    pieces_kernel[(1,)](sums, result, count, num_warps=1, **EXACT)
    assert result.item() == added(sums[:, 1].cpu().numpy())
