"""How sums along lines and across them are taken on a GPU: in the CPU's order, so with its bits."""

import triton
import triton.language as tl


@triton.jit
def larger(one, two):
    """Take the larger of two numbers; NaN if either is."""
    return tl.where((one > two) | (one != one), one, two)


@triton.jit
def half_total(columns):
    """Add the second half of the columns of each line to the first."""
    halves = tl.reshape(columns, (columns.shape[0], 2, columns.shape[1] // 2))
    return tl.sum(halves, 1)


@triton.jit
def half_max(columns):
    """Compare the second half of the columns of each line with the first."""
    halves = tl.reshape(columns, (columns.shape[0], 2, columns.shape[1] // 2))
    return tl.reduce(halves, 1, larger)


@triton.jit
def folded_total(columns):
    """Add the columns of each line pairwise, 32 or 256 of them, until one is left; those not there are zero."""
    if columns.shape[1] == 256:
        columns = half_total(half_total(half_total(columns)))
    return half_total(half_total(half_total(half_total(half_total(columns)))))


@triton.jit
def folded_max(columns):
    """Find the largest column of each line, 32 or 256 of them."""
    if columns.shape[1] == 256:
        columns = half_max(half_max(half_max(columns)))
    return half_max(half_max(half_max(half_max(half_max(columns)))))


@triton.jit
def eight_added(columns, terms):
    """Add eight lines to the columns, one after the other."""
    last = tl.reshape(tl.permute(terms, (1, 0)), (terms.shape[1], 2, 2, 2))
    even, odd = tl.split(last)
    zero_or_four, two_or_six = tl.split(even)
    one_or_five, three_or_seven = tl.split(odd)
    zero, four = tl.split(zero_or_four)
    one, five = tl.split(one_or_five)
    two, six = tl.split(two_or_six)
    three, seven = tl.split(three_or_seven)
    return columns + zero + one + two + three + four + five + six + seven
