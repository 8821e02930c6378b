"""Which engine updates a parameter, and if not the fastest, why: the one function that decides."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor

from ..formula.trace import Formula
from ..state.formats import WHOLE, Format, Part, compute_dtype
from ..state.layout import is_dense, lie_alike
from .gradients import Ready
from .triton import available

ENGINES = ("auto", "eager", "llvm", "triton")
COMPILERS = ("llvm", "triton")

EAGER = "engine='eager' was asked for"
DIFFERENTIABLE = "differentiable=True leaves every operation to autograd"
SPARSE = "its gradient is sparse: only the elements that have one are looked at"
WANTED = (EAGER, DIFFERENTIABLE, SPARSE)
"""The reasons for the eager engine that are what the user wanted."""

PLAIN = (Tensor, torch.nn.Parameter)
KERNELS = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)
WIDE = (torch.float32, torch.float64)


def why_eager(
    engine: str, item: Ready, formula: Formula, kept: Mapping[str, Format], state: Mapping[str, Any]
) -> str | None:
    """Say why a parameter is left to the eager engine; None if machine code updates it."""
    if engine == "eager":
        return EAGER
    if item.group["differentiable"]:
        return DIFFERENTIABLE
    if item.grad.is_sparse or torch.strided not in formula.rule.owner.layouts:
        return SPARSE
    return (
        why_not_device(engine, item.param)
        or _why_not_tensors(item.param, item.grad)
        or _why_not_numbers(item.param, formula, state)
        or _why_not_parts(item.param, kept, state)
    )


def compiler_for(engine: str, param: Tensor) -> str:
    """Say which of the compiling engines is for a parameter: the one that was asked for, or that of its device."""
    if engine in COMPILERS:
        return engine
    return "llvm" if param.device.type == "cpu" else "triton"


def has_memory(tensor: Tensor | None) -> TypeGuard[Tensor]:
    """Tell if a tensor's elements are at addresses of this machine's memory, or of a device's."""
    if tensor is None or type(tensor) not in PLAIN:
        return False
    return tensor.device.type in ("cpu", *available.DEVICES) and tensor.layout == torch.strided


def why_not_device(engine: str, param: Tensor) -> str | None:
    """Say why an engine has no kernels for a parameter, wherever it is."""
    kind = param.device.type
    if compiler_for(engine, param) == "llvm":
        return None if kind == "cpu" else f"engine='llvm' has no kernels for {kind}"
    if kind not in ("cpu", *available.DEVICES):
        return f"there are no kernels for {kind}"
    reason = available.why_not()
    return reason or (None if available.runs_on(kind) else f"engine='triton' has no kernels for {kind}")


def _why_not_tensors(param: Tensor, grad: Tensor) -> str | None:
    for tensor in (param, grad):
        if type(tensor) not in PLAIN:
            return f"{type(tensor).__name__} is a subclass of Tensor, whose memory is its own affair"
        if tensor.is_conj() or tensor.is_neg():
            return "a lazily conjugated or negated view is not what lies in memory"
    if param.dtype not in KERNELS:
        return f"there are no kernels for {param.dtype}"
    return None if is_dense(param) else "its elements overlap or have gaps in memory"


def _why_not_numbers(param: Tensor, formula: Formula, state: Mapping[str, Any]) -> str | None:
    """Find a number of a parameter that a kernel could not read: loaded or replaced by something unusual."""
    for name in formula.rule.scalars | {"step"}:
        value = state.get(name)
        if value is None:
            continue
        if type(value) is not Tensor or value.dtype not in WIDE:
            return f"its state {name!r} is no plain tensor of float32 or float64"
        # From the CPU, numbers follow their parameter to its device.
        if value.device.type != "cpu" and value.device != param.device:
            return f"its state {name!r} is on {value.device}"
    return None


def _why_not_parts(param: Tensor, kept: Mapping[str, Format], state: Mapping[str, Any]) -> str | None:
    """Find a state that a kernel could not read."""
    for quantity, form in kept.items():
        for part in form.parts:
            name = part.of(quantity)
            if name != "param" and state.get(name) is not None:
                reason = _why_not_part(param, part, name, state[name])
                if reason:
                    return reason
    return None


def _why_not_part(param: Tensor, part: Part, name: str, value: Any) -> str | None:
    if type(value) is not Tensor or value.device != param.device:
        return f"its state {name!r} is no plain tensor on {param.device}"
    if value.dtype not in (*KERNELS, *WHOLE):
        return f"there are no kernels for a state of {value.dtype}"
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
