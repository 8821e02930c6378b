"""States of what this process has of parameters, and how they are shown to the outside: as parts of whole tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ...distributed.local_parameter import LocalParameter
from ...distributed.owned_parameter import OwnedParameter
from ...distributed.shards import is_sharded
from ...state.checkpoints.parts import taken
from ...state.checkpoints.sharded import faults, local_states, whole_states
from ...state.entries import States
from ...state.layout import whole
from ...state.names import name_in
from ..decisions.gradients import numbered


class ShownStates:
    """The states of a local optimizer, and those of the optimizer that the user has: both over the same memory."""

    def __init__(self, own: Any, groups: list[dict[str, Any]], local: Callable[[Tensor], Any]) -> None:
        """Let `own` be the local optimizer, and `local` give the local parameter of one that the user has."""
        self.optimizer, self.groups, self.local = own, groups, local
        self.outside: Any = None
        self.seen_outside = self.seen_inside = 0

    def are_others(self, optimizer: Any) -> bool:
        """Tell if somebody has loaded or changed what is outside, or a step what is here."""
        is_changed_outside = optimizer.state is not self.outside or optimizer.state.changes.count != self.seen_outside
        return is_changed_outside or self.optimizer.state.changes.count != self.seen_inside

    def take(self, optimizer: Any) -> None:
        """Take over the states that are outside, where somebody has loaded or changed them."""
        if type(optimizer.state) is not States:
            optimizer.state = States(optimizer.state)
        states: dict[Any, Any] = {}
        shown = optimizer.state
        for group, param in numbered(self.groups):
            if param in shown:
                own, state = self.local(param), self._taken(optimizer, group, param, shown[param])
                # What others own is theirs.
                states |= {} if own.is_meta and not param.is_meta else {own: state}
        self.optimizer.state = States(states)
        self.outside, self.seen_outside = shown, shown.changes.count
        self.seen_inside = self.optimizer.state.changes.count

    def _taken(self, optimizer: Any, group: Any, param: Any, state: Any) -> dict[str, Any]:
        own = self.local(param)
        if not isinstance(own, LocalParameter):
            return {name: whole(value) if own is not param else value for name, value in state.items()}
        numbers = numbers_of(optimizer.rule_in(group))
        if not is_sharded(param):
            state = {name: value if name in numbers else taken(own, value, True) for name, value in state.items()}
            return dict(state)
        for fault in faults(own, state, numbers):
            raise RuntimeError(f"{type(optimizer).__name__} cannot step {name_in(self.groups, param)}, which {fault}")
        return local_states(own, state, numbers)

    def show(self, optimizer: Any) -> None:
        """Show what is kept to the outside; what is shown already stays the very same."""
        for group, param in numbered(self.groups):
            own = self.local(param)
            if own in self.optimizer.state:
                self._show(optimizer, group, param, own, self.optimizer.state[own])
            elif isinstance(own, OwnedParameter) and own.is_due and optimizer.state.get(param) != {}:
                optimizer.state[param] = {}
        self.seen_outside, self.seen_inside = optimizer.state.changes.count, self.optimizer.state.changes.count

    def _show(self, optimizer: Any, group: Any, param: Any, own: Any, state: Any) -> None:
        shown, numbers = optimizer.state.get(param, {}), numbers_of(optimizer.rule_in(group))
        is_local = isinstance(own, LocalParameter)
        had = local_states(own, shown, numbers) if is_local else shown
        new = whole_states(own, state, numbers) if is_local else dict(state)
        same = {name: shown[name] for name in new if name in had and _lie_alike(had[name], state[name])}
        if len(same) < len(new) or shown.keys() != new.keys():
            optimizer.state[param] = new | same


def numbers_of(rule: Any) -> set[str]:
    """Name what is one number for a whole parameter."""
    return {"step", *rule.scalars}


def _lie_alike(one: Any, other: Any) -> bool:
    """Tell if two tensors are the same, or are over the same memory."""
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return one is other
    return one is other or (one.data_ptr(), one.shape, one.dtype) == (other.data_ptr(), other.shape, other.dtype)
