"""What a plan takes for granted, looked up anew before each step: the cheaper, the faster small models train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, compress
from operator import attrgetter, is_
from typing import Any

from torch import Tensor

from ..state.entries import States
from .gradients import ready
from .plan import plan

GRAD = attrgetter("grad")
ADDRESS = Tensor.data_ptr
PARAMS = "params"


class Watch:
    """A plan, and the objects and addresses for which it was made."""

    def __init__(self, optimizer: Any) -> None:
        if type(optimizer.state) is not States:
            optimizer.state = States(optimizer.state)
        self.plan = plan(optimizer, ready(optimizer))
        self.engine = optimizer.engine
        self.groups = list(optimizer.param_groups)
        self.params = _params(self.groups)
        self.options = [options for launch in self.plan.launches for options in launch.options]
        self.compiled = [param for launch in self.plan.launches for param in launch.params]
        self.param_addresses = list(map(ADDRESS, self.compiled))
        self._note_gradients(list(map(GRAD, self.params)))
        self.state, self.changes = optimizer.state, optimizer.state.changes.count

    def _note_gradients(self, grads: list[Tensor | None]) -> None:
        self.grads = grads
        self.has_grad = [grad is not None for grad in grads]
        self.are_alike = _same_kind(list(compress(grads, self.has_grad)))
        self.compiled_grads = list(map(GRAD, self.compiled))
        self.grad_addresses = list(map(ADDRESS, self.compiled_grads))

    def holds(self, optimizer: Any) -> bool:
        """Tell if the plan still fits, after taking over new gradients and changed options."""
        groups = optimizer.param_groups
        if len(groups) != len(self.groups) or not all(map(is_, groups, self.groups)):
            return False
        params = _params(groups)
        if len(params) != len(self.params) or not all(map(is_, params, self.params)):
            return False
        grads = list(map(GRAD, params))
        return (
            optimizer.state is self.state
            and self.state.changes.count == self.changes
            and optimizer.engine == self.engine
            and list(map(ADDRESS, self.compiled)) == self.param_addresses
            and self._gradients_hold(grads)
            and all([options.refresh() for options in self.options])
        )

    def _gradients_hold(self, grads: list[Tensor | None]) -> bool:
        if all(map(is_, grads, self.grads)):
            return list(map(ADDRESS, self.compiled_grads)) == self.grad_addresses or self._takes_over(grads)
        return self._takes_over(grads)

    def _takes_over(self, grads: list[Tensor | None]) -> bool:
        """Go on with gradients that are elsewhere; False if other parameters have one, or one lies differently."""
        if [grad is not None for grad in grads] != self.has_grad or not self.are_alike(compress(grads, self.has_grad)):
            return False
        self.grads = grads
        self.compiled_grads = list(map(GRAD, self.compiled))
        self.grad_addresses = list(map(ADDRESS, self.compiled_grads))
        first = 0
        for launch in self.plan.launches:
            last = first + len(launch.params)
            launch.point_alike(self.compiled_grads[first:last], self.grad_addresses[first:last])
            first = last
        return True


def _params(groups: Sequence[dict[str, Any]]) -> list[Tensor]:
    if len(groups) == 1:
        return list(groups[0][PARAMS])
    return list(chain.from_iterable([group[PARAMS] for group in groups]))


def _same_kind(examples: list[Tensor]) -> Callable[[Any], bool]:
    """Make a check that tensors have the type, dtype, device, shape and strides of these, one by one."""
    kinds = [_kind(example) for example in examples]

    def look(tensors: Any) -> bool:
        return list(map(_kind, tensors)) == kinds

    try:
        # torch's own compiler has such a check in C++: five times faster, but private, and stricter.
        from torch._C._dynamo.guards import TensorGuards

        guards = TensorGuards(*examples, dynamic_dims_sizes=None, dynamic_dims_strides=None)
    except Exception:
        return look

    def check(tensors: Any) -> bool:
        found = list(tensors)
        return bool(guards.check(*found)) or look(found)

    return check


def _kind(tensor: Tensor) -> tuple[Any, ...]:
    return type(tensor), tensor.dtype, tensor.device, tensor.shape, tensor.stride()
