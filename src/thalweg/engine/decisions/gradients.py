"""Which parameters can be updated now; what cannot be is refused before anything changes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...formula.rule.facts import Known, known
from ...formula.rule.phases import phase_at
from ...state.formats.keeping import CODED
from ...state.layout import why_not_here, why_not_read, why_not_written
from ...state.names import name_in
from .counts import taken
from .seen import seen_of, seen_of_all

ASKING = ("max_grad_norm", "skip_nonfinite")
"""Options under which numbers are read, and not only computed with."""


@dataclass(frozen=True)
class Ready:
    """A parameter that has a gradient, and the group whose options it follows."""

    group: dict[str, Any]
    param: Tensor
    grad: Tensor
    index: int
    """Its place among all parameters of the optimizer."""
    owner: Any
    """The class of the optimizer."""
    phase: str | None = None
    """Which phase of its work this step is, where the class has any."""

    @cached_property
    def seen(self) -> tuple[Any, Any]:
        """The facts of the parameter and of its gradient; None of what may be like nothing else."""
        return seen_of(self.param), seen_of(self.grad)

    @cached_property
    def options(self) -> Known:
        """What a formula may ask while it is traced: the options of the group, and what is known of the parameter."""
        found = known(self.owner, self.param, self.group)
        return found if self.phase is None else found.at(self.phase)

    def take_over(self, options: Known) -> None:
        """Take over what formulas may ask from a parameter that is like this one."""
        vars(self)["options"] = options

    @property
    def numbers(self) -> dict[str, float]:
        """What formulas may ask of a parameter, as numbers: its place, and what is known of it."""
        return {"param_index": float(self.index), **self.options.numbers(self.param.dim())}


@dataclass(frozen=True)
class Left:
    """A parameter that is left to the eager engine from step to step: all but its gradient, which would live on."""

    group: dict[str, Any]
    param: Tensor
    index: int
    phase: str | None
    why: str


def again(optimizer: Any, left: Sequence[Left]) -> list[Ready]:
    """Look again at the gradients of parameters that had some; another thread may just have taken one away."""
    pairs = [(one, one.param.grad) for one in left]
    owner = type(optimizer)
    items = [Ready(one.group, one.param, grad, one.index, owner, one.phase) for one, grad in pairs if grad is not None]
    for item in items:
        _refuse(optimizer, item)
    return items


def ready(optimizer: Any) -> list[Ready]:
    """List what is to be updated; raises RuntimeError for a gradient that does not fit its parameter."""
    found = list(_with_gradient(optimizer))
    _see(found)
    fits: set[Hashable] = set()
    for item in found:
        like = _judged_by(item)
        if like is None or like not in fits:
            _refuse(optimizer, item)
            fits.add(like)
        else:
            refuse(optimizer, item, _held_fault(optimizer.state.get(item.param, {})))
    return found


def _judged_by(item: Ready) -> Hashable:
    """Give all that says whether a gradient fits its parameter; None where more than their facts does."""
    if item.grad.dtype != item.param.dtype or item.group["differentiable"] or None in item.seen:
        return None
    return id(item.group), *map(id, item.seen)


def _see(items: Sequence[Ready]) -> None:
    """See all of them at once: what is the same is the very same object."""
    params, grads = seen_of_all([item.param for item in items]), seen_of_all([item.grad for item in items])
    for item, seen in zip(items, zip(params, grads, strict=True), strict=True):
        vars(item)["seen"] = seen


def _with_gradient(optimizer: Any) -> Iterator[Ready]:
    for index, (group, param) in enumerate(numbered(optimizer.param_groups), optimizer._first_index):
        grad = param.grad
        if grad is not None:
            yield ready_to(optimizer, group, param, grad, index)


def ready_to(optimizer: Any, group: dict[str, Any], param: Tensor, grad: Tensor, index: int) -> Ready:
    """Say of a parameter what its next step will be."""
    return Ready(group, param, grad, index, type(optimizer), phase_of(optimizer, group, param))


def phase_of(optimizer: Any, group: Mapping[str, Any], param: Tensor) -> str | None:
    """Say which phase a parameter's next step is; None where the class has no phases."""
    owner = type(optimizer)
    if not owner.phases:
        return None
    return phase_at(owner, group, taken(optimizer, param) + 1)


def phases(optimizer: Any) -> tuple[str | None, ...]:
    """Say which phase the next step of each parameter that has a gradient is; nothing where there are no phases."""
    if not type(optimizer).phases:
        return ()
    pairs = numbered(optimizer.param_groups)
    return tuple(phase_of(optimizer, group, param) for group, param in pairs if param.grad is not None)


def numbered(groups: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Tensor]]:
    """Walk over all parameters, each with its group, in the order that numbers them."""
    return ((group, param) for group in groups for param in group["params"])


def _refuse(optimizer: Any, item: Ready) -> None:
    fault = _memory_fault(item) or _layout_fault(type(optimizer), item) or _graph_fault(item)
    held = optimizer.state.get(item.param, {})
    refuse(optimizer, item, fault or _fault(item.param, item.grad) or _held_fault(held))


def refuse(optimizer: Any, item: Ready, fault: str | None) -> None:
    """Raise RuntimeError if there is something wrong with a parameter."""
    if fault:
        name = name_in(optimizer.param_groups, item.param)
        raise RuntimeError(f"{type(optimizer).__name__} cannot step {name}: {fault}")


def _memory_fault(item: Ready) -> str | None:
    """Say why a parameter has no numbers that a step could change."""
    if not (item.param.is_floating_point() or item.param.is_complex()):
        return f"it has whole numbers alone ({item.param.dtype}), which no step fits: set its grad to None"
    if item.param.is_meta and item.group["fused"]:
        return (
            "`fused=True` requires all the params to be floating point Tensors with memory, but it is on the meta "
            "device: call model.to_empty(device=...) first"
        )
    asked = next((name for name in ASKING if item.group[name]), None)
    if item.param.is_meta and asked:
        return f"{asked}={item.group[asked]!r} asks for its numbers, but the meta device has none: leave the option out"
    return None


def _layout_fault(owner: Any, item: Ready) -> str | None:
    """Say why a gradient that is sparse, or is not, cannot be used."""
    layout = item.grad.layout
    if layout not in owner.layouts:
        if layout == torch.strided:
            return "it does not support dense gradients, please consider Adam instead"
        others = " or ".join(owner.that_take(layout))
        return f"it does not support sparse gradients (layout {layout}): " + (
            f"pass it to {others}, or make its layer with sparse=False" if others else "none can"
        )
    if layout != torch.strided and item.group["differentiable"]:
        return "differentiable=True needs dense gradients: call .to_dense() on its sparse one"
    if layout != torch.strided and item.group.get("weight_decay"):
        return "weight_decay option is not compatible with sparse gradients, as it changes every element: set it to 0"
    return _whole_fault(item.group) if layout != torch.strided else None


def _whole_fault(group: Mapping[str, Any]) -> str | None:
    """Say which option concerns all elements of a parameter, and not only those that a sparse gradient names."""
    wanted = {
        "accumulate": group["accumulate"] > 1,
        "ema_decay": group["ema_decay"] is not None,
        "cautious": group["cautious"],
        "gradient_centralization": group["gradient_centralization"],
        "hyperball": group["hyperball"],
        "lookahead": group["lookahead"] is not None,
        "grokfast": group["grokfast"] is not None,
        "state_dtype": group["state_dtype"] in CODED,
    }
    asked = [name for name, is_asked in wanted.items() if is_asked]
    return f"{asked[0]}={group[asked[0]]!r} needs dense gradients: leave it out for sparse ones" if asked else None


def _graph_fault(item: Ready) -> str | None:
    """Say why autograd could not follow an update."""
    if item.group["differentiable"] and item.param.is_leaf and item.param.requires_grad:
        return (
            "differentiable=True updates it in the graph, but a leaf Variable that requires grad is being used in an "
            "in-place operation: pass the optimizer param.clone()"
        )
    return None


def _fault(param: Tensor, grad: Tensor) -> str | None:
    """Say what is wrong with a parameter or its gradient, or nothing."""
    if why := why_not_written(param):
        return f"it {why}"
    if why := why_not_here(param, grad):
        return why
    if param.dtype.itemsize == 1:
        return f"there is no arithmetic for {param.dtype}: keep it in torch.bfloat16, and make the narrow copy of that"
    if why := why_not_read(grad):
        return f"its gradient {why}"
    if grad.shape != param.shape:
        return f"its shape is {tuple(param.shape)}, but its gradient's is {tuple(grad.shape)}: run backward() again"
    if grad.dtype not in (param.dtype, _wanted_dtype(param, grad)):
        return f"its dtype is {param.dtype}, but its gradient's is {grad.dtype}: run backward() again"
    if grad.device != param.device:
        return f"it is on {param.device}, but its gradient on {grad.device}: run backward() again"
    return None


def _held_fault(held: Any) -> str | None:
    """Say what is wrong with what stands in the place of a parameter's states."""
    if isinstance(held, Mapping):
        return None
    return f"its states must be a dict, but are {described(held)}: delete optimizer.state[parameter] to start anew"


def _wanted_dtype(param: Tensor, grad: Tensor) -> Any:
    """Say in what dtype the user wants a parameter's gradients; torch's None stands for any."""
    # Only a leaf of the graph may be asked.
    wanted = getattr(param, "grad_dtype", param.dtype) if param.is_leaf else param.dtype
    return grad.dtype if wanted is None and grad.is_floating_point() == param.is_floating_point() else wanted
