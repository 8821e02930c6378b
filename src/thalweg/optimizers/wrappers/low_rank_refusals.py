"""What an optimizer of low rank does not take: options around its rule, edits of options, gradients that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...distributed.shards import is_sharded
from ...formula.rule.facts import known
from ...formula.tracing.trace import formula_of
from ...state.layout import why_not_by_torch, why_not_here
from .steps_alone import reads_param

WHOLE = {
    **dict.fromkeys(("max_grad_norm", "max_tensor_norm", "clip_value"), "gradients are shortened where they are whole"),
    **dict.fromkeys(("ema_decay", "lookahead", "track"), "the rule never sees the parameter"),
    "accumulate": "each gradient would be gathered in directions of its own",
    "cautious": "signs of a gradient are not those of its few directions",
    "differentiable": "directions have no derivative",
    "rounding": "the parameter is written by a product of matrices",
}
"""The options around a rule that have no meaning in a few directions, and why."""


def refuse_options(owner: str, rule: Any, inner: Mapping[str, Any], group: Mapping[str, Any], where: str) -> None:
    """Raise ValueError for what cannot be around a rule in few directions, and for a rule that looks at parameters."""
    refuse_whole(owner, rule, group, where)
    if rule.needs_grad_norm:
        raise ValueError(
            f"{owner} needs a rule that looks at each parameter alone, but {rule.__name__} asks for the norm of all "
            f"gradients{where}, which in few directions is another one: choose another, such as AdamW"
        )
    param = inner["params"][0]
    if reads_param(formula_of(rule.rule_in(inner), known(rule, param, inner))):
        raise ValueError(
            f"{owner} needs a rule whose step does not depend on the parameter, but {rule.__name__}'s does{where}: "
            "choose another, such as AdamW"
        )


def refuse_whole(owner: str, rule: Any, group: Mapping[str, Any], where: str) -> None:
    """Raise ValueError for an option that has no meaning in a few directions."""
    for name, why in WHOLE.items():
        if group.get(name) not in (rule.options[name].default, None, "nearest"):
            raise ValueError(f"{owner} does not take {name}={group[name]!r}{where}, since {why}: leave it out")


def refuse_matrix(owner: str, name: Any, param: Tensor, rank: int, where: str) -> None:
    """Raise ValueError for a matrix that has not so many directions, and for one of which each process has a part."""
    if (most := min(param.shape)) < rank:
        choose = f"choose at most {most}, or rank=None in a group of its own" if most else "leave it out"
        raise ValueError(
            f"{owner} needs a rank of at most the smaller side of a matrix{where}, but parameter {name!r} has "
            f"shape {tuple(param.shape)} and rank={rank}: {choose}"
        )
    if is_sharded(param):
        raise ValueError(
            f"{owner} needs whole matrices{where}, since directions are those of a whole gradient, but parameter "
            f"{name!r} is sharded: give it rank=None in a group of its own, or let DistributedDataParallel copy it"
        )


def refuse_edits(optimizer: Any) -> None:
    """Raise TypeError or ValueError for options that were edited to what they may not be, and for another rank."""
    owner, rule = type(optimizer).__name__, type(optimizer.inner)
    for _, group, is_small in optimizer.inner_groups:
        index = next((place for place, own in enumerate(optimizer.param_groups) if own is group), None)
        where = "" if index is None else f" in parameter group {index}"
        for name, option in optimizer.options.items():
            option.check(group[name], owner, where)
        if is_small:
            refuse_whole(owner, rule, group, where)
            refuse_rank(optimizer, group, group["rank"], where)


def refuse_rank(optimizer: Any, group: Mapping[str, Any], rank: Any, where: str) -> None:
    """Raise ValueError for another rank than that of the stand-ins."""
    kept = next((min(optimizer.stand_ins[param].shape) for param in group["params"] if param in optimizer.stand_ins), 0)
    if kept and rank != kept:
        raise ValueError(
            f"{type(optimizer).__name__} needs rank={kept}{where}, as its states have so many directions, but got "
            f"{rank!r}: make another optimizer for another rank"
        )


def refuse_gradient(owner: str, param: Tensor, stand_in: Tensor) -> None:
    """Raise RuntimeError for a gradient that does not fit its matrix, and for a matrix of another dtype than it had."""
    grad = param.grad
    why = why_not_by_torch(param) or (why_not_here(param, grad) if grad is not None else None)
    if why:
        raise RuntimeError(f"{owner} cannot step a parameter of shape {tuple(param.shape)}: {why}")
    if grad is not None and grad.layout != torch.strided:
        raise RuntimeError(
            f"{owner} needs dense gradients, but a parameter of shape {tuple(param.shape)} has one of layout "
            f"{grad.layout}: make the layer dense"
        )
    if grad is not None and (grad.shape != param.shape or grad.dtype != param.dtype):
        raise RuntimeError(
            f"{owner} needs gradients of the parameters' shapes and dtypes, but a parameter of shape "
            f"{tuple(param.shape)} and {param.dtype} has one of shape {tuple(grad.shape)} and {grad.dtype}: run "
            "backward() again"
        )
    if (param.dtype, param.device) != (stand_in.dtype, stand_in.device):
        raise RuntimeError(
            f"{owner} was made for a matrix of shape {tuple(param.shape)} that was {stand_in.dtype} on "
            f"{stand_in.device}, but it is {param.dtype} on {param.device}: make the optimizer anew"
        )
