"""A torch.optim optimizer in the middle of training, taken over: groups, options, states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from . import optimizers
from .described import kind_of
from .optimizer import Optimizer

HOOKS = ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")


def from_torch(optimizer: torch.optim.Optimizer) -> Optimizer:
    """Return this library's optimizer of the same kind, with the same groups, options and states.

    The parameters are shared, the states are copied: go on with one of the two. Schedulers and hooks belong to the
    optimizer that they were made for, so take over first, and make them then.

    Raises TypeError, with the list of all that has no counterpart here; then nothing has been made.
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"from_torch needs an optimizer of torch.optim, but got {kind_of(optimizer)}")
    unknown = list(_unknown(optimizer))
    if unknown:
        raise TypeError(f"cannot take over this {type(optimizer).__name__}: {'; '.join(unknown)}")
    owner = _counterparts()[type(optimizer)]
    defaults = {name: value for name, value in optimizer.defaults.items() if name in owner.options}
    new = owner([{**_group(group), **owner.routes} for group in optimizer.param_groups], **defaults)
    new.load_state_dict(optimizer.state_dict())
    return new


def _counterparts() -> dict[type, type[Optimizer]]:
    """Find the classes of torch.optim that have one of the same name here, whatever its capitals."""
    ours = {name: cls for name, cls in vars(optimizers).items() if isinstance(cls, type) and issubclass(cls, Optimizer)}
    alike = {name.lower(): cls for name, cls in ours.items()}
    theirs = {name: cls for name, cls in vars(torch.optim).items() if isinstance(cls, type)}
    return {cls: ours.get(name) or alike[name.lower()] for name, cls in theirs.items() if name.lower() in alike}


def _unknown(optimizer: torch.optim.Optimizer) -> Iterator[str]:
    """Say everything about an optimizer that would be lost."""
    kind = type(optimizer)
    if kind not in _counterparts():
        module = f"{kind.__module__}.{kind.__qualname__}"
        yield f"{module} is a class whose steps this library does not know; it knows those of {_names()}"
        return
    for index, group in enumerate(optimizer.param_groups):
        lost = [name for name in optimizer.defaults if name not in _counterparts()[kind].options and group.get(name)]
        if lost:
            yield f"group {index} has {', '.join(f'{name}={group[name]!r}' for name in lost)}"
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        yield "a scheduler drives it, and would go on driving the old one: take over first, then make the scheduler"
    for name in HOOKS:
        if getattr(optimizer, f"_optimizer_{name}_hooks", None):
            yield f"it has {name} hooks: take over first, then register them"


def _names() -> str:
    return ", ".join(sorted(kind.__name__ for kind in _counterparts()))


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a group, each parameter with its name if it has one."""
    rest = {name: value for name, value in group.items() if name != "param_names"}
    if "param_names" in group:
        rest["params"] = list(zip(group["param_names"], group["params"], strict=True))
    return rest
