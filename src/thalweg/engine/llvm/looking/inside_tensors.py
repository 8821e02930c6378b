"""Where torch keeps what it knows of a tensor: places of words in memory.

They are those of torch 2.11 to 2.15. Each is checked against what torch says itself before anything relies on it; where
one is elsewhere, `is_possible` says no, and Python does the looking.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

IMPL = 16
"""Bytes into a Python tensor: the address of its TensorImpl."""
STORAGE, AUTOGRAD, VERSION = 16, 24, 40
"""Bytes into a TensorImpl: the addresses of its storage, of autograd's data, and of its version counter."""
SHAPES, SHAPE_WORDS = (56, 64), 15
"""Bytes into a TensorImpl, since torch 2.13 and before: sizes, strides, offset, count, dtype, device, dispatch keys."""
DATA, BYTES, GRAD, COUNT = 16, 48, 40, 16
"""Bytes into a storage (where its memory is, and how much), autograd's data, and a version counter."""
TYPE, LENGTH, ITEMS = 8, 16, 24
"""Bytes into an object of Python: the address of its type; and into a list: how many it has, and the address of all."""
OBJECT = -8
"""Bytes from a tensor's sizes, backwards: the address of its object in Python, whose last bit says who frees it."""

INLINE = 5
"""Sizes, and strides, up to so many, are among those words."""
DTYPE_AND_DEVICE = 0xFF_FFFF_FFFF
"""The bytes that mean something in the word that holds them."""


def mask(dimensions: int) -> list[int]:
    """Mark the bits that mean something; more sizes than fit lie elsewhere, and `is_seen` says so."""
    used = [-1] * min(dimensions, INLINE) + [0] * (INLINE - dimensions)
    number, offset, count, keys = -1, -1, -1, -1
    return [number, *used, *used, offset, count, DTYPE_AND_DEVICE, keys]


def words(address: int, count: int) -> list[int]:
    """Read words of memory that is known to be there."""
    return list((ctypes.c_int64 * count).from_address(address))


@cache
def no_gradient() -> int:
    """Return the address that stands for no gradient."""
    param = torch.zeros(1, requires_grad=True, dtype=torch.float32, device="cpu")
    return _safe_word(_safe_word(param._cdata + AUTOGRAD) + GRAD)


@cache
def shape_start() -> int | None:
    """Find the place of the sizes at which every word that is relied on is what torch says of a tensor; None if none.

    No fault is risked.
    """
    return next(filter(_is_start, SHAPES), None)


def is_possible() -> bool:
    """Tell if tensors can be looked at where torch keeps them."""
    return shape_start() is not None


def items(listed: Sequence[Any]) -> Any:
    """Give the addresses of all that a list has, as bytes: to compare them takes no time for each."""
    return ctypes.string_at(words(id(listed) + ITEMS, 1)[0], 8 * len(listed))


def place_of_items(listed: list[Any]) -> Any:
    """Give the word in which a list has the address of its items; it is the list's for as long as that lives."""
    return ctypes.c_void_p.from_address(id(listed) + ITEMS)


def place_in(tensor: Tensor, value: Any) -> int:
    """Say how many bytes into a tensor of a class of its own it keeps something; raises ValueError if it is nowhere."""
    return 8 * words(id(tensor), type(tensor).__basicsize__ // 8).index(id(value))


def is_seen(tensor: Tensor) -> bool:
    """Tell if all that counts of a tensor is among those words, and whether it has a version counter."""
    return tensor.dim() <= INLINE and not tensor.is_inference()


def _is_start(start: int) -> bool:
    dtypes = torch.float32, torch.float64, torch.bfloat16
    try:
        return all(_is_as_expected(start, dtype) for dtype in dtypes) and _tells_apart(start) and _are_in_a_list(dtypes)
    except (OSError, AttributeError, ValueError):
        return False


def _is_as_expected(start: int, dtype: torch.dtype) -> bool:
    base = torch.zeros(5000, dtype=dtype, device="cpu")
    param = base[3:1004].view(7, 11, 13).detach().requires_grad_()
    without = _safe_word(_safe_word(param._cdata + AUTOGRAD) + GRAD)
    param.grad = torch.zeros(7, 11, 13, dtype=dtype, device="cpu")
    for _ in range(3):
        param.detach().zero_()
    storage, impl = param.untyped_storage(), param._cdata
    return (
        _safe_word(id(param) + IMPL) == impl
        and _safe_word(id(param) + TYPE) == id(type(param))
        and _safe_word(impl + start + OBJECT) & ~1 == id(param)
        and _safe_word(impl + STORAGE) == storage._cdata
        and _safe_word(storage._cdata + DATA) == storage.data_ptr()
        and _safe_word(storage._cdata + BYTES) == storage.nbytes()
        and _safe_word(base._cdata + AUTOGRAD) == 0
        and _safe_word(_safe_word(impl + AUTOGRAD) + GRAD) == param.grad._cdata
        and without == no_gradient() != param.grad._cdata
        and _safe_word(_safe_word(impl + VERSION) + COUNT) & 0xFFFFFFFF == param._version == 3
        and _shape(start, param)[:13] == [3, 7, 11, 13, 0, 0, 143, 13, 1, 0, 0, 3, 1001]
    )


def _tells_apart(start: int) -> bool:
    """Tell if dtypes of one size differ in what is compared."""
    first, second = (torch.zeros(3, dtype=dtype, device="cpu") for dtype in (torch.float32, torch.int32))
    return _shape(start, first) != _shape(start, second)


def _are_in_a_list(found: Sequence[Any]) -> bool:
    """Tell if a list has its items where they are expected."""
    listed = list(found)
    places = range(_safe_word(id(listed) + LENGTH))
    return [_safe_word(_safe_word(id(listed) + ITEMS) + 8 * place) for place in places] == list(map(id, found))


def _shape(start: int, tensor: Tensor) -> list[int]:
    """Read what means something of a tensor's shape."""
    places = enumerate(mask(tensor.dim()))
    return [_safe_word(tensor._cdata + start + 8 * place) & bits for place, bits in places]


def _safe_word(address: int) -> int:
    """Read a word of this process's memory; for an address that is none it raises an error, and nothing faults."""
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return int.from_bytes(memory.read(8), "little")
