"""Averaged parameters in the place of the parameters: for a while, or until training goes on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..distributed.shards import is_sharded
from ..formula.around.training_loop import EMA
from ..formula.rule.rule import Group
from .interrupts import InterruptsWaiting, keeping_grad_mode
from .layout import whole

EVALUATES = "evaluates"
"""The key of a group whose parameters are the averaged ones, in checkpoints too."""

WITHIN, UNTIL_TRAINED = "at the end of `with optimizer.averaged():`, so go on after it", "with optimizer.train()"
"""How the parameters come back: what is said where a step would be lost."""


def refuse_within(optimizer: Any, what: str) -> None:
    """Raise RuntimeError where means stand in for the parameters: what is done to them then would be lost."""
    way_back = getattr(optimizer.state, "stands_in", None)
    if way_back:
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot do {what}: the averaged parameters stand in for the parameters, which "
            f"come back {way_back}"
        )


@contextmanager
def swapped_in(optimizer: Any) -> Iterator[None]:
    """Let each parameter be its average; afterwards it is what it was, whatever happened.

    Raises RuntimeError if no mean is kept yet, or if the means are there already.
    """
    refuse_within(optimizer, "averaged() within averaged()")
    means = _means(optimizer)
    if not means:
        raise RuntimeError(
            f"{type(optimizer).__name__} has no averaged parameters yet: give it ema_decay=0.999, say, and take a step"
        )
    kept = taken(means)
    try:
        put_in(means)
        optimizer.state.stand_in(WITHIN)
        yield
    finally:
        optimizer.state.stand_in(None)
        put_back(kept)


def evaluate(optimizer: Any) -> dict[Tensor, tuple[Tensor, int, int]] | None:
    """Let each parameter be its average until `go_on`; return what it was. None if that is so already."""
    if getattr(optimizer.state, "stands_in", None) == UNTIL_TRAINED:
        return None
    refuse_within(optimizer, "eval() within averaged()")
    means = _means(optimizer)
    kept = taken(means)
    with InterruptsWaiting():
        put_in(means)
        _mark(optimizer, True)
    return {param: (*was, param._version) for param, was in kept.items()}


def go_on(optimizer: Any, kept: Mapping[Tensor, tuple[Tensor, int, int]]) -> None:
    """Let each parameter be the point to train at: what it was, or, where it was loaded or changed since, computed."""
    if getattr(optimizer.state, "stands_in", None) != UNTIL_TRAINED:
        return
    same = {param: was[:2] for param, was in kept.items() if param._version == was[2]}
    computed = _by_formula(optimizer, type(optimizer).training_point)
    with InterruptsWaiting():
        put_in({param: point for param, point in computed.items() if param not in same})
        put_back(same)
        _mark(optimizer, False)


def stands_in_again(optimizer: Any) -> None:
    """Take over what groups that were loaded say of their parameters: that they are the averaged ones."""
    if any(group.get(EVALUATES) for group in optimizer.param_groups):
        optimizer.state.stand_in(UNTIL_TRAINED)


def _mark(optimizer: Any, evaluates: bool) -> None:
    for group in optimizer.param_groups:
        group[EVALUATES] = evaluates
    optimizer.state.stand_in(UNTIL_TRAINED if evaluates else None)


def _means(optimizer: Any) -> dict[Tensor, Tensor]:
    """Give each averaged parameter: as the class computes it, or the running mean that is kept."""
    if optimizer._local:
        optimizer._local.publish(optimizer)
    formula = getattr(type(optimizer), "average", None)
    if formula is not None:
        return _by_formula(optimizer, formula)
    kept = {param: state for param, state in optimizer.state.items() if isinstance(state, dict) and EMA in state}
    return {param: _as_divided(param, state[EMA]) for param, state in kept.items()}


@keeping_grad_mode
@torch.no_grad()
def _by_formula(optimizer: Any, formula: Callable[..., Any]) -> dict[Tensor, Tensor]:
    """Compute a point from the parameter and those of its states that the formula names."""
    _, _, *names = inspect.signature(formula).parameters
    found = {}
    for group in optimizer.param_groups:
        for param in group["params"]:
            state = optimizer.state.get(param, {})
            if all(isinstance(state.get(name), Tensor) for name in names):
                states = [_as_divided(param, state[name]) for name in names]
                own = Group(type(optimizer), group.__getitem__)
                found[param] = formula(own, param.detach().to(states[0].dtype), *states)
    return found


def _as_divided(param: Tensor, value: Tensor) -> Tensor:
    """Have a state be sharded where its parameter is; else all processes have all of it, and all must ask at once."""
    return value if is_sharded(param) else whole(value)


def taken(params: Iterable[Tensor]) -> dict[Tensor, tuple[Tensor, int]]:
    """Remember what parameters are, before other numbers are put in."""
    return {param: (param.detach().clone(), param._version) for param in params}


@keeping_grad_mode
@torch.no_grad()
def put_in(points: Mapping[Tensor, Tensor]) -> None:
    """Write other numbers into parameters."""
    for param, point in points.items():
        param.copy_(point)


@keeping_grad_mode
@torch.no_grad()
def put_back(kept: Mapping[Tensor, tuple[Tensor, int]]) -> None:
    """Let parameters be what they were, as if nothing had been written."""
    for param, (value, version) in kept.items():
        param.copy_(value)
        # It is what it was, and what is kept beside it still belongs to it.
        torch._C._autograd._unsafe_set_version_counter((param,), (version,))
