"""The elements that one program works on: blocks of 256, each in two halves, so that one warp has a whole block.

A tile has the shape (2, blocks, 128). A thread has four neighbours, 16 bytes of float32, of each half: what a block
has in common is found among the threads of one warp, and the two halves that share a byte are in one thread.
"""

import triton
import triton.language as tl


@triton.jit
def places(BLOCKS: tl.constexpr):
    """Number the elements of a tile in the order of memory."""
    return places_of_halves(BLOCKS) + 128 * tl.arange(0, 2)[:, None, None]


@triton.jit
def places_of_halves(BLOCKS: tl.constexpr):
    """Number the elements of the first halves."""
    return places_of_blocks(BLOCKS) + tl.arange(0, 128)[None, None, :]


@triton.jit
def places_of_blocks(BLOCKS: tl.constexpr):
    """Number the first elements of the blocks."""
    return 256 * tl.arange(0, BLOCKS)[None, :, None]


@triton.jit
def there(place, begin, length, BLOCKS: tl.constexpr, ALIGNED: tl.constexpr):
    """Tell which elements there are; blocks are whole in aligned chunks."""
    return blocks_there(length, BLOCKS, ALIGNED) if ALIGNED else within(place, begin, length, ALIGNED)


@triton.jit
def within(place, begin, length, ALIGNED: tl.constexpr):
    """Tell which elements there are; aligned chunks begin where blocks of the whole tensor do."""
    return place < length if ALIGNED else (place >= begin) & (place < length)


@triton.jit
def blocks_there(length, BLOCKS: tl.constexpr, ALIGNED: tl.constexpr):
    """Tell which blocks there are, in whole or in part: in aligned chunks, one block is only asked for if it is."""
    if ALIGNED and BLOCKS == 1:
        return tl.full((1, 1, 1), True, tl.int1)
    return places_of_blocks(BLOCKS) < length


@triton.jit
def places_of_bytes(BLOCKS: tl.constexpr):
    """Number the bytes that have two codes each."""
    return 128 * tl.arange(0, BLOCKS)[None, :, None] + tl.arange(0, 128)[None, None, :]


@triton.jit
def block_peak(x, inside, ALIGNED: tl.constexpr):
    """Find the largest size in each block, which aligned chunks have whole; NaN where there is one."""
    sizes = tl.abs(x)
    if not ALIGNED:
        sizes = tl.where(inside, sizes, 0.0)
    # Halves and neighbours, which are in one thread, are compared first: the warp then has one number a thread.
    halves = larger_of_two(tl.permute(sizes, (1, 2, 0)))
    pairs = larger_of_two(tl.reshape(halves, (sizes.shape[1], 64, 2)))
    fours = larger_of_two(tl.reshape(pairs, (sizes.shape[1], 32, 2)))
    whole: tl.constexpr = tl.int64 if x.dtype == tl.float64 else tl.int32
    peaks = tl.max(fours.to(whole, bitcast=True), 1)
    return peaks.to(x.dtype, bitcast=True)[None, :, None]


@triton.jit
def larger_of_two(sizes):
    """Take the larger of the two in the last dimension; NaN if either is."""
    first, second = tl.split(sizes)
    return tl.maximum(first, second, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def load_halves(at, begin, length, BLOCKS: tl.constexpr, ALIGNED: tl.constexpr):
    """Read numbers of 16 bits: of whole blocks as words of two, which are taken apart with fewer instructions."""
    if ALIGNED and BLOCKS == 1:
        pairs = 128 * tl.arange(0, 2)[:, None, None] + 2 * tl.arange(0, 64)[None, None, :]
        # Seen as words before they are moved on, they would have addresses apart from those that are written to.
        places_of_words = (at + pairs).to(tl.pointer_type(tl.int32))
        words = tl.load(tl.max_contiguous(tl.multiple_of(places_of_words, (1, 1, 16)), (1, 1, 4)))
        halves = tl.reshape(tl.join((words << 16) >> 16, words >> 16), (2, 1, 128))
    else:
        halves = tl.load(at + places(BLOCKS), there(places(BLOCKS), begin, length, BLOCKS, ALIGNED), 0).to(tl.int32)
    return halves


@triton.jit
def load_packed(at, length, BLOCKS: tl.constexpr, ALIGNED: tl.constexpr):
    """Read codes of 4 bits: a byte has that of an element of the first half in its low bits, and of the second half."""
    byte = tl.load(at + places_of_bytes(BLOCKS), blocks_there(length, BLOCKS, ALIGNED)).to(tl.int32)
    return (byte >> (4 * tl.arange(0, 2)[:, None, None])) & 15


@triton.jit
def store_packed(at, codes, begin, length, BLOCKS: tl.constexpr, ALIGNED: tl.constexpr):
    """Write codes of 4 bits; that of an element that is not there is zero."""
    if not ALIGNED:
        codes = tl.where(there(places(BLOCKS), begin, length, BLOCKS, ALIGNED), codes, 0)
    byte = tl.sum(codes << (4 * tl.arange(0, 2)[:, None, None]), 0, keep_dims=True)
    tl.store(at + places_of_bytes(BLOCKS), byte.to(tl.uint8), blocks_there(length, BLOCKS, ALIGNED))


@triton.jit
def added_in_order(columns, terms, BLOCKS: tl.constexpr):
    """Add the blocks of a tile, 8 at most, to the columns, one block after the other."""
    last = tl.permute(terms, (0, 2, 1))
    if BLOCKS == 1:
        columns += tl.reshape(last, (2, 128))
    elif BLOCKS == 2:
        first, second = tl.split(last)
        columns = columns + first + second
    elif BLOCKS == 4:
        columns = four_added(columns, last)
    else:
        tl.static_assert(BLOCKS == 8)
        # Split, the last dimension comes apart: each time the half that varies fastest.
        halves = tl.permute(tl.reshape(last, (2, 128, 2, 4)), (0, 1, 3, 2))
        first, second = tl.split(halves)
        columns = four_added(four_added(columns, first), second)
    return columns


@triton.jit
def four_added(columns, terms):
    """Add four blocks, one after the other."""
    even, odd = tl.split(tl.reshape(terms, (2, 128, 2, 2)))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return columns + first + second + third + fourth


@triton.jit
def sum_of_pieces(sums, stride, count):
    """Add the sums of pieces as elements are added: in columns, 256 pieces after the other, and those pairwise."""
    if count == 1:
        total = tl.load(sums)
    else:
        columns = tl.zeros((2, 128), tl.float64)
        place = 128 * tl.arange(0, 2)[:, None] + tl.arange(0, 128)[None, :]
        # One piece after the other, and each waited for, half a billion elements would take .7 ms.
        for start in tl.range(0, count, 256, loop_unroll_factor=4):
            columns += tl.load(sums + (start + place) * stride, start + place < count, 0.0)
        total = pairwise(columns)
    return total


@triton.jit
def pairwise(columns):
    """Add the columns of a block, 256: the first half to the second, until one is left."""
    halves = tl.sum(columns, 0)
    halves = tl.sum(tl.reshape(halves, (2, 64)), 0)
    halves = tl.sum(tl.reshape(halves, (2, 32)), 0)
    halves = tl.sum(tl.reshape(halves, (2, 16)), 0)
    halves = tl.sum(tl.reshape(halves, (2, 8)), 0)
    halves = tl.sum(tl.reshape(halves, (2, 4)), 0)
    halves = tl.sum(tl.reshape(halves, (2, 2)), 0)
    return tl.sum(halves, 0)
