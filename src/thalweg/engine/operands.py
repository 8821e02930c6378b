"""The one door for memory: what a kernel takes for granted of each tensor that it gets the address of.

Dtype, number of elements, order in memory and device are taken from the tensor itself, checked here when a step is
planned, and compared before each later one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from ..distributed.local_parameter import LocalParameter
from ..distributed.owned_parameter import OwnedParameter
from ..formula.tracing.trace import Formula
from ..state.formats.format import PACKED, WHOLE, Format, Part, compute_dtype
from ..state.layout import BYTES, are_there, is_dense, is_there, lie_alike, why_not_read

PLAIN = (Tensor, torch.nn.Parameter, LocalParameter, OwnedParameter)
KERNELS = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)
WIDE = (torch.float32, torch.float64)
DEVICE = attrgetter("device")


def facts(tensor: Tensor) -> tuple[Any, ...]:
    """Give everything that is checked of a tensor, to see later whether it still is so."""
    how = tensor.stride() if tensor.layout == torch.strided else tensor.layout
    seen = tensor.is_conj(), tensor.is_neg(), tensor._is_zerotensor(), why_not_read(tensor)
    return type(tensor), tensor.dtype, tensor.device, tensor.shape, how, *seen


def address(name: str, tensor: Tensor, dtype: torch.dtype, elements: int, device: torch.device) -> int:
    """Give a kernel the address of so many elements of a dtype.

    Raises RuntimeError if that is not what lies there; then whoever planned the step was wrong, and nothing is changed.
    """
    size = elements // 2 if dtype is PACKED else elements * dtype.itemsize
    if tensor.nbytes != size or tensor.device != device or not (is_dense(tensor) and is_there(tensor)):
        raise RuntimeError(
            f"a kernel takes {name!r} for {size} bytes on {device}, but it has {tensor.nbytes} on {tensor.device}: "
            "that is a fault of thalweg; step with engine='eager', and report it"
        )
    return tensor.data_ptr()


def addresses(
    name: str, tensors: Sequence[Tensor], dtype: torch.dtype, elements: Sequence[int], device: torch.device
) -> list[int]:
    """Give the same for many, which are looked at all together; only if something is wrong, one by one."""
    sizes = [count // 2 if dtype is PACKED else count * dtype.itemsize for count in elements]
    is_here = all(map(device.__eq__, map(DEVICE, tensors)))
    is_right = is_here and sizes == list(map(BYTES, tensors)) and all(map(Tensor.is_contiguous, tensors))
    if is_right and are_there(tensors):
        return list(map(Tensor.data_ptr, tensors))
    return [address(name, tensor, dtype, count, device) for tensor, count in zip(tensors, elements, strict=True)]


def why_not_tensors(param: Tensor, grad: Tensor) -> str | None:
    """Say what keeps a kernel from reading a parameter and its gradient."""
    for tensor in (param, grad):
        if type(tensor) not in PLAIN:
            return f"{type(tensor).__name__} is a subclass of Tensor, whose memory is its own affair"
        if tensor.is_conj() or tensor.is_neg() or tensor._is_zerotensor():
            return "a lazily conjugated or negated view is not what lies in memory"
    if param.dtype not in KERNELS:
        return f"there are no kernels for {param.dtype}"
    return None if is_dense(param) else "its elements overlap or have gaps in memory"


def why_not_states(param: Tensor, formula: Formula, kept: Mapping[str, Format], state: Mapping[str, Any]) -> str | None:
    """Say what keeps a kernel from reading what is kept of a parameter: it was loaded or replaced, and is unusual."""
    numbers = (_why_not_number(param, name, state.get(name)) for name in ("step", *sorted(formula.rule.scalars)))
    parts = (_why_not_part(param, part, name, state.get(name)) for name, part in parts_of(kept))
    return next(filter(None, (*numbers, *parts)), None)


def parts_of(kept: Mapping[str, Format]) -> Iterator[tuple[str, Part]]:
    """Walk over the tensors beside the parameter in which its quantities are kept, by name."""
    for quantity, form in kept.items():
        for part in form.parts:
            if part.of(quantity) != "param":
                yield part.of(quantity), part


def _why_not_number(param: Tensor, name: str, value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is not Tensor or value.dtype not in WIDE or value.numel() != 1:
        return f"its state {name!r} is no plain tensor of float32 or float64"
    # From the CPU, numbers follow their parameter to its device.
    if value.device.type != "cpu" and value.device != param.device:
        return f"its state {name!r} is on {value.device}"
    return None


def _why_not_part(param: Tensor, part: Part, name: str, value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is not Tensor or value.device != param.device:
        return f"its state {name!r} is no plain tensor on {param.device}"
    if value.is_conj() or value.is_neg():
        return f"its state {name!r} is a lazily conjugated or negated view"
    if value.dtype != part.dtype or value.dtype not in (*KERNELS, *WHOLE):
        return f"there are no kernels for a state of {value.dtype}"
    if value.shape != part.shape(param):
        return f"its state {name!r} has another shape"
    if part.is_smaller:
        return None if value.is_contiguous() else f"its state {name!r} has gaps in memory"
    if part.is_flat:
        return _why_not_flat(param, part, name, value)
    if value.is_complex() != param.is_complex() or not lie_alike(value, param):
        return f"its state {name!r} lies unlike the parameter in memory"
    if value.dtype not in WHOLE and compute_dtype(value.dtype) not in (compute_dtype(param.dtype), torch.float32):
        return f"its state {name!r} is {value.dtype}, which is not computed with as {param.dtype} is"
    return None


def _why_not_flat(param: Tensor, part: Part, name: str, value: Tensor) -> str | None:
    if part.is_packed and not param.is_contiguous():
        return f"its state {name!r} lies unlike the parameter in memory"
    return None if value.is_contiguous() else f"its state {name!r} has gaps in memory"
