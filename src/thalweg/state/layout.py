"""How a tensor's elements lie in memory."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..distributed.shards import is_sharded


def is_dense(tensor: Tensor) -> bool:
    """Tell if the elements fill one piece of memory, each once, in whatever order; if there are none, they do."""
    if tensor.is_contiguous() or not tensor.numel():
        return True
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True


def lie_alike(a: Tensor, b: Tensor) -> bool:
    """Tell if two tensors have their elements in the same order."""
    strides = zip(a.shape, a.stride(), b.stride(), strict=True)
    return a.shape == b.shape and all(size <= 1 or here == there for size, here, there in strides)


def extent(tensor: Tensor) -> tuple[int, int]:
    """Return the addresses of a tensor's first element and of what follows its last; it must not be empty."""
    steps = sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + (steps + 1) * tensor.element_size()


def overlapping(written: Sequence[Sequence[Tensor]], read: Sequence[Sequence[Tensor]] = ()) -> set[int]:
    """Find the owners with a tensor that may share memory with another one, of which at least one is written."""
    pieces = sorted(
        (*extent(tensor), is_written, owner)
        for is_written, owners in ((True, written), (False, read))
        for owner, tensors in enumerate(owners)
        for tensor in tensors
        if tensor.numel()
    )
    found: set[int] = set()
    # The furthest end so far, and whose it is: of what is written, and of all.
    ends = {True: (0, -1), False: (0, -1)}
    for start, stop, is_written, owner in pieces:
        end, last = ends[not is_written]
        if start < end:
            found |= {owner, last}
        ends[False] = max(ends[False], (stop, owner))
        if is_written:
            ends[True] = max(ends[True], (stop, owner))
    return found


def spans(tensors: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Give the pieces of memory that tensors fill, from the first to the last; those that touch are one."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(extent(tensor) for tensor in tensors if tensor.numel()):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


def whole(value: Any) -> Any:
    """Gather what each process has a part of; leave everything else."""
    return value.full_tensor() if is_sharded(value) else value
