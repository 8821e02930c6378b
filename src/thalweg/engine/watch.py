"""What a plan takes for granted, looked up anew before each step: the cheaper, the faster small models train."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, is_, itemgetter
from typing import Any

from torch import Tensor

from .gradients import ready
from .launch import Launch
from .plan import plan

GRAD = attrgetter("grad")
ADDRESS = Tensor.data_ptr


class Watch:
    """A plan, and the objects and addresses for which it was made."""

    def __init__(self, optimizer: Any) -> None:
        self.plan = plan(optimizer, ready(optimizer))
        self.engine = optimizer.engine
        self.groups = list(optimizer.param_groups)
        self.params = _params(self.groups)
        self.grads = list(map(GRAD, self.params))
        self.state = optimizer.state
        self.states = list(self.state.values())
        self.entries = [Entries(launch) for launch in self.plan.launches]
        self.options = [options for launch in self.plan.launches for options in launch.options]
        places = {id(param): place for place, param in enumerate(self.params)}
        self.places = [[places[id(param)] for param in launch.params] for launch in self.plan.launches]
        self._note_addresses()

    def _note_addresses(self) -> None:
        compiled = [place for places in self.places for place in places]
        self.watched = [self.params[place] for place in compiled] + [self.grads[place] for place in compiled]
        self.addresses = list(map(ADDRESS, self.watched))

    def holds(self, optimizer: Any) -> bool:
        """Tell if the plan still fits, after taking over new gradients and changed options."""
        groups = optimizer.param_groups
        if not _same(groups, self.groups) or optimizer.engine != self.engine:
            return False
        params = _params(groups)
        if not _same(params, self.params):
            return False
        grads = list(map(GRAD, params))
        if not all(map(is_, grads, self.grads)) and not self._renewed(grads):
            return False
        if list(map(ADDRESS, self.watched)) != self.addresses:
            return False
        return self._states_hold(optimizer) and all([options.refresh() for options in self.options])

    def _states_hold(self, optimizer: Any) -> bool:
        if optimizer.state is not self.state or not _same(list(self.state.values()), self.states):
            return False
        return all([entries.hold() for entries in self.entries])

    def _renewed(self, grads: list[Tensor | None]) -> bool:
        """Take over gradients that are new objects; False if another set of parameters has one, or one is odd."""
        for old, new in zip(self.grads, grads, strict=True):
            if (old is None) is not (new is None) or (old is not None and new is not None and not _alike(old, new)):
                return False
        self.grads = grads
        for launch, places in zip(self.plan.launches, self.places, strict=True):
            launch.point_to([grads[place] for place in places])
        self._note_addresses()
        return True


class Entries:
    """The states that a launch has the addresses of."""

    def __init__(self, launch: Launch) -> None:
        layout = launch.kernel.layout
        names = [name for name in (*layout.tensors, *layout.scalars) if name in launch.rows[0].state]
        self.states = [row.state for row in launch.rows] if names else []
        # One name more, so that the getter always returns a tuple.
        self.get = itemgetter(*names, names[0]) if names else None
        self.known = list(self._found())

    def _found(self) -> Any:
        return chain.from_iterable(map(self.get, self.states)) if self.get else ()

    def hold(self) -> bool:
        """Tell if each state is still the same tensor."""
        try:
            return all(map(is_, self._found(), self.known))
        except KeyError:
            return False


def _params(groups: Sequence[dict[str, Any]]) -> list[Tensor]:
    return list(chain.from_iterable([group["params"] for group in groups]))


def _same(found: Sequence[Any], known: Sequence[Any]) -> bool:
    return len(found) == len(known) and all(map(is_, found, known))


def _alike(old: Tensor, new: Tensor) -> bool:
    """Tell if a new gradient can take the place of an old one."""
    return (
        type(new) is type(old)
        and new.dtype == old.dtype
        and new.shape == old.shape
        and new.stride() == old.stride()
        and new.device == old.device
    )
