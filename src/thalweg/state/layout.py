"""How a tensor's elements lie in memory."""

from collections.abc import Sequence
from itertools import chain, compress
from operator import attrgetter, not_
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..distributed.shards import is_sharded

ADDRESS, BYTES = Tensor.data_ptr, attrgetter("nbytes")


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
    if a.shape != b.shape:
        return False
    ours, theirs = a.stride(), b.stride()
    strides = zip(a.shape, ours, theirs, strict=True)
    return ours == theirs or all(size <= 1 or here == there for size, here, there in strides)


def extent(tensor: Tensor) -> tuple[int, int]:
    """Return the addresses of a tensor's first element and of what follows its last; it must not be empty."""
    start = tensor.data_ptr()
    return start, start + _reach(tensor) * tensor.element_size()


def _reach(tensor: Tensor) -> int:
    """Count the places from a tensor's first element to its last; asked of each tensor, most of which have no gaps."""
    if tensor.is_contiguous():
        return tensor.numel()
    return 1 + sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


def is_there(tensor: Tensor) -> bool:
    """Tell if a tensor's elements have memory: its storage may have been given back, or cut, meanwhile."""
    count = tensor.numel()
    if not count or tensor.is_meta:
        return True
    # Asked of each tensor several times, most of which have no gaps.
    reach = count if tensor.is_contiguous() else _reach(tensor)
    storage, stop = tensor.untyped_storage(), tensor.storage_offset() + reach
    return storage.nbytes() >= stop * tensor.element_size() and storage.data_ptr() != 0


def are_there(tensors: Sequence[Tensor]) -> bool:
    """Tell the same of all of some tensors."""
    storages = list(map(Tensor.untyped_storage, tensors))
    starts = np.fromiter(map(torch.UntypedStorage.data_ptr, storages), np.uint64, len(tensors))
    stops = starts + np.fromiter(map(torch.UntypedStorage.nbytes, storages), np.uint64, len(tensors))
    first, last = extents(tensors).T
    return bool(((first == last) | ((starts != 0) & (last <= stops))).all())


def why_not_read(tensor: Tensor) -> str | None:
    """Say why no engine can read a tensor; None for those of classes whose memory is their own affair."""
    if not _has_elements(tensor) or tensor._is_zerotensor() or is_there(tensor):
        return None
    return f"has no memory, since its storage was resized to {tensor.untyped_storage().nbytes()} bytes: resize it back"


def why_not_written(tensor: Tensor) -> str | None:
    """Say why no engine can write to a tensor where it is."""
    if _has_elements(tensor) and is_expanded(tensor):
        return "has several elements at one place in memory: pass a clone()"
    return "is a lazily conjugated view: pass its resolve_conj()" if tensor.is_conj() else why_not_read(tensor)


def why_not_here(param: Tensor, grad: Tensor) -> str | None:
    """Say why what is computed from a gradient can be written to no parameter: torch.func has only one of them."""
    if is_functorch_wrapped_tensor(grad) and not is_functorch_wrapped_tensor(param):
        return "its gradient is inside a transform of torch.func, and it is not: step outside, with what that returns"
    return None


def why_not_by_torch(param: Tensor) -> str | None:
    """Say why torch does not write to a parameter, as kernels do."""
    return (
        "it was made in inference mode, and torch writes to it nowhere else: clone it" if param.is_inference() else None
    )


def _has_elements(tensor: Tensor) -> bool:
    """Tell if a tensor itself says where its elements are."""
    is_plain = type(tensor).__torch_dispatch__ is torch._C._disabled_torch_dispatch_impl
    return is_plain and tensor.layout == torch.strided and not is_functorch_wrapped_tensor(tensor)


def is_expanded(tensor: Tensor) -> bool:
    """Tell if several elements are one place in memory, so that none of them can be written by itself."""
    return tensor.numel() > 0 and any(
        size > 1 and not stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True)
    )


def overlapping(written: Sequence[Sequence[Tensor]], read: Sequence[Sequence[Tensor]] = ()) -> set[int]:
    """Find the owners with a tensor that may share memory with another one, of which at least one is written."""
    pieces = _in_order(np.concatenate([_owned(written, True), _owned(read, False)]))
    return _overlapping(pieces.tolist()) if _overlap(pieces) else set()


def _owned(owners: Sequence[Sequence[Tensor]], is_written: bool) -> Any:
    """Give a row for each tensor that is not empty: its extent, whether it is written, and its owner's number."""
    pieces = extents(list(chain.from_iterable(owners)))
    numbers = np.repeat(np.arange(len(owners), dtype=np.uint64), list(map(len, owners)))
    rows = np.column_stack([pieces, np.full_like(numbers, is_written), numbers])
    return rows[pieces[:, 0] < pieces[:, 1]]


def extents(tensors: Sequence[Tensor]) -> Any:
    """Give a row for each tensor: the addresses of its first element and of what follows its last; of none, of both.

    Thousands of tensors are asked without a line of Python for each. Addresses of some devices have 64 bits.
    """
    rows = np.zeros((len(tensors), 2), np.uint64)
    rows[:, 0] = np.fromiter(map(ADDRESS, tensors), np.uint64, len(tensors))
    rows[:, 1] = rows[:, 0] + np.fromiter(map(BYTES, tensors), np.uint64, len(tensors))
    has_gaps = map(not_, map(Tensor.is_contiguous, tensors))
    for place, tensor in compress(enumerate(tensors), has_gaps):
        if tensor.numel():
            rows[place] = extent(tensor)
    return rows


def _in_order(rows: Any) -> Any:
    return rows[np.lexsort(rows.T[::-1])]


def _overlap(pieces: Any) -> bool:
    """Tell if any piece begins before one ends that came before it, of which at least one is written."""
    start, stop, is_written = pieces.T[:3]
    ends = np.maximum.accumulate([stop * is_written, stop], axis=1)[:, :-1]
    return bool((start[1:] < np.where(is_written[1:], ends[1], ends[0])).any())


def _overlapping(pieces: Sequence[Sequence[int]]) -> set[int]:
    """Find the owners of pieces that overlap."""
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


def spans(tensors: Sequence[Tensor]) -> Any:
    """Give the pieces of memory that tensors fill, a row each, from the first to the last; those that touch are one."""
    found = extents(tensors)
    pieces = _in_order(found[found[:, 0] < found[:, 1]])
    ends = np.maximum.accumulate(pieces[:, 1])
    is_first = np.append(True, pieces[1:, 0] > ends[:-1])[: len(pieces)]
    is_last = np.append(is_first[1:], True)[: len(pieces)]
    return np.stack([pieces[is_first, 0], ends[is_last]], axis=1)


def whole(value: Any) -> Any:
    """Gather what each process has a part of; leave everything else."""
    return value.full_tensor() if is_sharded(value) else value
