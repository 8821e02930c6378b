"""Where torch keeps what it knows of a tensor: places of words in memory.

They are those of torch 2.13 to 2.15. Each is checked against what torch says itself before anything relies on it; where
one is elsewhere, `is_possible` says no, and Python does the looking.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch

IMPL = 16
"""Bytes into a Python tensor: the address of its TensorImpl."""
STORAGE, AUTOGRAD, VERSION = 16, 24, 40
"""Bytes into a TensorImpl: the addresses of its storage, of autograd's data, and of its version counter."""
SHAPE, SHAPE_WORDS = 56, 15
"""Bytes into a TensorImpl: sizes, strides, offset, count, dtype, device, dispatch keys."""
DATA, GRAD, COUNT = 16, 40, 16
"""Bytes into a storage, autograd's data, and a version counter: what they are for."""

INLINE = 5
"""Sizes, and strides, up to so many, are among those words."""
DTYPE_AND_DEVICE = 0xFF_FFFF_FFFF
"""The bytes that mean something in the word that holds them."""


def mask(dimensions: int) -> list[int]:
    """Mark the bits that mean something: more sizes than fit lie elsewhere, and are never taken for the same."""
    used = [-1] * min(dimensions, INLINE) + [0] * (INLINE - dimensions)
    number, offset, count, keys = -1, -1, -1, -1
    return [number, *used, *used, offset, count, DTYPE_AND_DEVICE, keys]


def words(address: int, count: int) -> list[int]:
    """Read words of memory that is known to be there."""
    return list((ctypes.c_int64 * count).from_address(address))


@cache
def no_gradient() -> int:
    """Return the address that stands for no gradient."""
    param = torch.zeros(1, requires_grad=True)
    return _safe_word(_safe_word(param._cdata + AUTOGRAD) + GRAD)


@cache
def is_possible() -> bool:
    """Check every word that is relied on against what torch says of a tensor, without risking a fault."""
    try:
        dtypes = torch.float32, torch.float64, torch.bfloat16
        return all(map(_is_as_expected, dtypes)) and _kind(torch.float32) != _kind(torch.int32)
    except (OSError, AttributeError, ValueError):
        return False


def _is_as_expected(dtype: torch.dtype) -> bool:
    base = torch.zeros(5000, dtype=dtype)
    param = base[3:1004].view(7, 11, 13).detach().requires_grad_()
    without = _safe_word(_safe_word(param._cdata + AUTOGRAD) + GRAD)
    param.grad = torch.zeros(7, 11, 13, dtype=dtype)
    for _ in range(3):
        param.detach().zero_()
    storage, impl = param.untyped_storage(), param._cdata
    shape = [_safe_word(impl + SHAPE + 8 * place) & bits for place, bits in enumerate(mask(3))]
    return (
        _safe_word(id(param) + IMPL) == impl
        and _safe_word(impl + STORAGE) == storage._cdata
        and _safe_word(storage._cdata + DATA) == storage.data_ptr()
        and _safe_word(base._cdata + AUTOGRAD) == 0
        and _safe_word(_safe_word(impl + AUTOGRAD) + GRAD) == param.grad._cdata
        and without == no_gradient() != param.grad._cdata
        and _safe_word(_safe_word(impl + VERSION) + COUNT) & 0xFFFFFFFF == param._version == 3
        and shape[:13] == [3, 7, 11, 13, 0, 0, 143, 13, 1, 0, 0, 3, 1001]
    )


def _kind(dtype: torch.dtype) -> list[int]:
    """Read what must tell dtypes apart."""
    impl = torch.zeros(3, dtype=dtype)._cdata
    return [_safe_word(impl + SHAPE + 8 * place) & bits for place, bits in enumerate(mask(1))]


def _safe_word(address: int) -> int:
    """Read a word of this process's memory; for an address that is none it raises an error, and nothing faults."""
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return int.from_bytes(memory.read(8), "little")
