"""Steps that are none: torch's distributed checkpoints take one to see which states there are, before they load them.

They do it with an optimizer that has no states yet, with gradients of zeros and a learning rate of zero. States are
made for them as a first step would make them, and nothing is counted. They are there for the asking only: if nobody has
loaded or written any, the first true step starts without them, as if nobody had asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...formula.tracing.trace import formula_of
from ...state.formats.keeping import formats
from ...state.initial import complete
from ...state.noted import GATHERED
from ..decisions.gradients import Ready, ready
from ..decisions.rules import accumulates, counting_rule
from ..eager.access import InGraph, InPlace

RATE = "lr"


class Primed:
    """The states that were made for the asking, and the versions that their tensors had then."""

    def __init__(self, state: Any) -> None:
        self.state, self.changes = state, state.changes.count
        self.versions = list(_versions(state))

    def is_untouched(self, state: Any) -> bool:
        """Tell if these are still an optimizer's states, and nobody has written to them."""
        return state is self.state and state.changes.count == self.changes and list(_versions(state)) == self.versions


def is_asked_for_states(optimizer: Any) -> bool:
    """Tell a step that is to make states from one that is to change parameters."""
    groups = optimizer.param_groups
    if optimizer.state or not all(_is_zero(group.get(RATE, 0)) for group in groups):
        return False
    grads = [param.grad for group in groups for param in group["params"] if param.grad is not None]
    return bool(grads) and not any(map(torch.any, grads))


def make_states(optimizer: Any) -> None:
    """Make the states that a first step would make; all of them, or none where one cannot be made."""
    made = {item.param: _states(optimizer, item) for item in ready(optimizer)}
    optimizer.state.update({param: state for param, state in made.items() if state})
    if accumulates(optimizer):
        for group in optimizer.param_groups:
            if GATHERED not in group:
                group[GATHERED] = 0
    optimizer._primed = Primed(optimizer.state)


def forget_states(optimizer: Any) -> None:
    """Begin without the states that were made for the asking, if they are as they were made."""
    primed, optimizer._primed = optimizer._primed, None
    if primed.is_untouched(optimizer.state):
        optimizer.state.clear()


def _states(optimizer: Any, item: Ready) -> dict[str, Any]:
    """Make the states of one parameter under its options, but for the rate: at that of zero a rule may keep less."""
    # A group may be the view of another one, whose options it has.
    own = dict(getattr(item.group, "group", item.group))
    item = replace(item, group={**own, RATE: 1.0} if RATE in own else own)
    formula = formula_of(counting_rule(optimizer, item.group), item.options)
    kept = dict(formats(formula.rule, formula.states, item.param, item.group, {}))
    state: dict[str, Any] = {}
    access = InGraph if item.group["differentiable"] else InPlace
    complete(state, formula, item.param, kept, access.reader(item.group))
    return state


def _is_zero(rate: Any) -> bool:
    # The zero that torch sets is on the CPU and part of no graph: nobody waits for a device to tell another one.
    if isinstance(rate, Tensor) and (rate.requires_grad or rate.device.type != "cpu"):
        return False
    return rate is not None and float(rate) == 0


def _versions(state: Mapping[Any, Any]) -> Iterator[int]:
    for own in state.values():
        yield from (value._version for value in own.values() if isinstance(value, Tensor))
