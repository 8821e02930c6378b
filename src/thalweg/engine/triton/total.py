"""Sums over all parameters, to twice the digits and rounded once: those of the host, bit for bit but for ties."""

from __future__ import annotations

from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from .available import quiet
from .device.device import current
from .device.function import Bound, Function
from .language.power import add_exactly, add_pairs

LANES = 32
"""Numbers that are added at once, each to a sum of its own."""

VALUES = torch.float64


@triton.jit
def added_up(values, stride, count, LANES: tl.constexpr):
    """Add numbers: each lane its own, and then the lanes; where there is no sum, infinity or NaN as they come."""
    lane = tl.arange(0, LANES)
    total = tl.zeros((LANES,), tl.float64)
    rest = tl.zeros((LANES,), tl.float64)
    for start in range(0, count, LANES):
        value = tl.load(values + (start + lane) * stride, start + lane < count, 0.0)
        total, lost = add_exactly(total, value)
        rest += lost
    all_of_it, all_of_rest = tl.reduce((total, rest), 0, add_pairs)
    exact = all_of_it + all_of_rest
    return tl.where(tl.abs(exact) < float("inf"), exact, tl.sum(total, 0))


@triton.jit(do_not_specialize=["stride", "count"])
def add_up(result, values, stride, count, LANES: tl.constexpr):
    """Add numbers, and leave the sum."""
    tl.store(result, added_up(values, stride, count, LANES))


@triton.jit(do_not_specialize=["stride", "count", "skips"])
def take_norm(left_out, values, stride, count, norm, limit, counts, skips, LANES: tl.constexpr):
    """Take the root of a sum; say if the step is to be left out; count those that are, and those with a norm above."""
    root = tl.sqrt(added_up(values, stride, count, LANES))
    is_left_out = (skips != 0) & ~(root < float("inf"))
    tl.store(norm, root)
    tl.store(left_out, is_left_out.to(tl.float32))
    is_clipped = (root > tl.load(limit)) & ~is_left_out
    tl.store(counts, tl.load(counts) + is_clipped.to(tl.float64))
    tl.store(counts + 1, tl.load(counts + 1) + is_left_out.to(tl.float64))


@cache
def _adder(device: torch.device) -> Function:
    return Function(add_up, [VALUES, VALUES, 0, 0], {"LANES": LANES}, 1, device)


@cache
def _norm_taker(device: torch.device) -> Function:
    arguments = [torch.float32, VALUES, 0, 0, VALUES, VALUES, VALUES, 0]
    return Function(take_norm, arguments, {"LANES": LANES}, 1, device)


def total(values: Tensor) -> Tensor:
    """Add the numbers of a tensor of one dimension, in float64."""
    result = torch.empty((), dtype=torch.float64, device=values.device)
    with current(values.device), quiet():
        _adder(values.device).bound(1, values, values.stride(0), len(values))(result)
    return result


class CommonNorm:
    """The norm of all gradients on a device, and what follows from it: nobody waits for it, and graphs replay it."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.limit = device, -1.0
        self.norm, self.limit_there = torch.zeros(2, 1, dtype=torch.float64, device=device)
        self.left_out = torch.zeros(1, dtype=torch.float32, device=device)
        """1 if the step is to be left out."""
        self.counts = torch.zeros(2, dtype=torch.float64, device=device)
        """The steps whose gradients were shortened, and those that were left out."""
        self.last: tuple[tuple[int, ...], Bound] | None = None
        """What the last launch was for, and the launch."""

    def take(self, squares: Tensor, limit: float, skips: bool) -> None:
        """Take the norm from sums of squares; what is longer than the limit is counted."""
        if limit != self.limit:
            self.limit_there.fill_(limit)
            self.limit = limit
        with current(self.device), quiet():
            self._bound(squares, skips)(self.left_out)

    def _bound(self, squares: Tensor, skips: bool) -> Bound:
        """Prepare the launch, unless the last one was for the same memory."""
        of = squares.data_ptr(), squares.stride(0), len(squares), int(skips)
        if self.last is None or self.last[0] != of:
            places = self.norm, self.limit_there, self.counts
            self.last = of, _norm_taker(self.device).bound(1, squares, *of[1:3], *places, of[3])
        return self.last[1]
