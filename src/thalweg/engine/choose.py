"""Which engine updates a parameter, and if not the fastest, why: the one function that decides."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor

from ..formula.trace import Formula
from ..state.formats import compute_dtype
from ..state.layout import is_dense, lie_alike
from .gradients import Ready

ENGINES = ("auto", "eager", "llvm")

PLAIN = (Tensor, torch.nn.Parameter)
KERNELS = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)
WIDE = (torch.float32, torch.float64)


def why_eager(engine: str, item: Ready, formula: Formula, state: Mapping[str, Any]) -> str | None:
    """Say why a parameter is left to the eager engine; None if machine code updates it."""
    if engine == "eager":
        return "engine='eager' was asked for"
    if item.group["differentiable"]:
        return "differentiable=True leaves every operation to autograd"
    if item.grad.is_sparse or torch.strided not in formula.rule.owner.layouts:  # type: ignore[attr-defined]
        return "its gradient is sparse: only the elements that have one are looked at"
    return _why_not_tensors(item.param, item.grad) or _why_not_states(item.param, formula, state)


def has_memory(tensor: Tensor | None) -> TypeGuard[Tensor]:
    """Tell if a tensor's elements are at addresses of this machine's memory."""
    if tensor is None or type(tensor) not in PLAIN:
        return False
    return tensor.device.type == "cpu" and tensor.layout == torch.strided


def _why_not_tensors(param: Tensor, grad: Tensor) -> str | None:
    for tensor in (param, grad):
        if type(tensor) not in PLAIN:
            return f"{type(tensor).__name__} is a subclass of Tensor, whose memory is its own affair"
        if tensor.is_conj() or tensor.is_neg():
            return "a lazily conjugated or negated view is not what lies in memory"
    if param.device.type != "cpu":
        return f"there are no kernels for {param.device.type} yet"
    if param.dtype not in KERNELS:
        return f"there are no kernels for {param.dtype}"
    return None if is_dense(param) else "its elements overlap or have gaps in memory"


def _why_not_states(param: Tensor, formula: Formula, state: Mapping[str, Any]) -> str | None:
    """Find a state that a kernel could not read: loaded or replaced by something unusual."""
    numbers = formula.rule.scalars | {"step"}
    for name in {*formula.states, "step"} & state.keys():
        value = state[name]
        if type(value) is not Tensor or value.device.type != "cpu":
            return f"its state {name!r} is no plain tensor on the CPU"
        if value.dtype not in (WIDE if name in numbers else KERNELS):
            return f"there are no kernels for a state of {value.dtype}"
        if name in numbers:
            continue
        if value.is_complex() != param.is_complex() or not lie_alike(value, param):
            return f"its state {name!r} lies unlike the parameter in memory"
        if compute_dtype(value.dtype) != compute_dtype(param.dtype):
            return f"its state {name!r} is {value.dtype}, which is not computed with as {param.dtype} is"
    return None
