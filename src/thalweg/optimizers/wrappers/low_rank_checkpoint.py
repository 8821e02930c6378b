"""Checkpoints of optimizers of low rank: all is checked and made before anything is put in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...state.checkpoints.loaded import CannotCopyError, copied
from ...state.checkpoints.matching import Match, match
from ...state.checkpoints.structure import faults
from .low_rank_refusals import refuse_rank, refuse_whole

KEPT = ("params", "param_names")
"""What a group keeps when others options are loaded."""


def load(optimizer: Any, state_dict: Any) -> None:
    """Load what an optimizer of this kind has saved; raises ValueError, and changes nothing, if it does not fit."""
    owner = type(optimizer).__name__
    if not isinstance(state_dict, Mapping) or "rule" not in state_dict:
        raise ValueError(
            f"{owner} needs a state_dict with a 'rule', but got one without: load what {owner}.state_dict() returned"
        )
    _refuse(owner, faults(state_dict))
    found = match(optimizer.param_groups, state_dict["param_groups"])
    _refuse(owner, found.faults or list(_option_faults(optimizer, found)))
    try:
        groups, states = _groups(optimizer, found), _states(optimizer, found, state_dict["state"])
    except CannotCopyError as error:
        raise ValueError(f"cannot load this state_dict into {owner}: it has a value of type {error}") from None
    # The rule's own is the last that can be refused.
    optimizer.inner.load_state_dict(state_dict["rule"])
    torch.optim.Optimizer.__setstate__(optimizer, {"state": states, "param_groups": groups})


def _refuse(owner: str, found: list[str]) -> None:
    if found:
        raise ValueError(f"cannot load this state_dict into {owner}: {'; '.join(found)}")


def _option_faults(optimizer: Any, found: Match) -> Iterator[str]:
    """Find options of groups that are out of their range, that low rank does not take, or of another rank."""
    owner, rule = type(optimizer).__name__, type(optimizer.inner)
    options = {**rule.options, **optimizer.options}
    for index, (own, new) in enumerate(zip(optimizer.param_groups, found.groups, strict=True)):
        where = f" in group {index}"
        try:
            for name in options.keys() & new.keys():
                options[name].check(new[name], owner, where)
            refuse_rank(optimizer, own, new.get("rank", own["rank"]), where)
            if any(param in optimizer.stand_ins for param in own["params"]):
                refuse_whole(owner, rule, new, where)
        except (TypeError, ValueError, RuntimeError) as error:
            yield " ".join(str(error).split())


def _groups(optimizer: Any, found: Match) -> list[dict[str, Any]]:
    """Make the new groups: parameters stay, options are the saved ones."""
    return [
        {**optimizer.defaults, **copied(new), **{name: own[name] for name in KEPT if name in own}}
        for own, new in zip(optimizer.param_groups, found.groups, strict=True)
    ]


def _states(optimizer: Any, found: Match, saved: Mapping[Any, Any]) -> dict[Tensor, dict[str, Any]]:
    """Make the new states of all matrices."""
    states = {}
    for key, param in found.params.items():
        if key in saved:
            state = copied(saved[key], param)
            optimizer.refuse_state(param, state)
            states[param] = state
    return states


def refuse_numbers(owner: str, param: Tensor, kept: Mapping[str, Any]) -> None:
    """Raise ValueError for a count or length of a matrix that is no such number."""
    count, length = kept.get("step"), kept.get("update_norm")
    is_count = type(count) is int and count >= 0
    is_length = length is None or (isinstance(length, Tensor) and length.dim() == 0 and length.is_floating_point())
    if not (is_count and is_length):
        name, wanted = ("update_norm", "one number") if is_count else ("step", "a whole number, at least 0")
        raise ValueError(
            f"{owner} needs the {name} of a parameter of shape {tuple(param.shape)} to be {wanted}, but the checkpoint "
            f"has {described(kept.get(name))}"
        )
