"""What a plan takes for granted, looked up anew before each step: the cheaper, the faster small models train."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, compress
from operator import attrgetter, is_
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from ..state.entries import States
from .gradients import ready
from .launch import Launch
from .plan import plan
from .rules import SCALE, is_gathering

GRAD = attrgetter("grad")
ADDRESS = Tensor.data_ptr
PARAMS = "params"


class Watch:
    """A plan, and the objects and addresses for which it was made."""

    def __init__(self, optimizer: Any) -> None:
        if type(optimizer.state) is not States:
            optimizer.state = States(optimizer.state)
        self.plan = plan(optimizer, ready(optimizer))
        self.engine, self.is_scaled = optimizer.engine, SCALE in optimizer._step_numbers
        self.is_gathering = is_gathering(optimizer)
        self.groups = list(optimizer.param_groups)
        self.params = list(_params(self.groups))
        self.options = [launch.options for launch in self.plan.launches]
        self.compiled = [param for launch in self.plan.launches for param in launch.params]
        self.kept = [tensor for launch in self.plan.launches for tensor in launch.states]
        self.written = self.compiled + self.kept
        self.addresses, self.kinds = list(map(ADDRESS, self.written)), list(map(_kind, self.compiled))
        # Work that takes no longer than looking at it is done with Python's lock held, in the same call.
        self.runs_at_once = self.plan.is_plain and all(launch.is_small for launch in self.plan.launches)
        self.state, self.changes = optimizer.state, optimizer.state.changes.count
        grads = list(map(GRAD, self.params))
        self.has_grad = [grad is not None for grad in grads]
        self.are_alike = _same_kind([grad for grad in grads if grad is not None])
        self._note_gradients()

    def _note_gradients(self) -> None:
        """Take note of how gradients lie, and tell autograd that the parameters are about to change."""
        self.look = self._look()
        increment_version(self.compiled)

    def step(self, optimizer: Any) -> bool:
        """Take the step if the plan still fits; False if it does not, and nothing has changed."""
        groups = optimizer.param_groups
        if not _same(groups, self.groups):
            return False
        params = _params(groups)
        if not (
            _same(params, self.params)
            and optimizer.state is self.state
            and self.state.changes.count == self.changes
            and optimizer.engine == self.engine
            and (SCALE in optimizer._step_numbers) == self.is_scaled
            and not (self.plan.accumulates and is_gathering(optimizer) != self.is_gathering)
        ):
            return False
        for options in self.options:
            if not options.refresh():
                return False
        if self.look():
            if not self.runs_at_once:
                self.plan.run(optimizer)
            return True
        return self._step_after_all(optimizer, params)

    def _step_after_all(self, optimizer: Any, params: list[Tensor]) -> bool:
        """Take the step if all that changed is where the gradients are."""
        if not self._tensors_hold(params):
            return False
        self.plan.run(optimizer)
        return True

    def _look(self) -> Callable[[], int]:
        """Make the quick look at all tensors, where there is one."""
        launches = self.plan.launches
        if not launches or any(launch.relaid for launch in launches):
            return lambda: 0
        # Only now is LLVM needed, and imported.
        from .llvm import look, memory

        # A tensor made for inference has no version counter.
        if not memory.is_possible() or any(map(Tensor.is_inference, self.compiled)):
            return lambda: 0
        compiled = set(map(id, self.compiled))
        pairs = zip(self.params, self.has_grad, strict=True)
        others = [(param, has_grad) for param, has_grad in pairs if id(param) not in compiled]
        targets = list(chain.from_iterable(map(_targets, launches)))
        small = [launch.call for launch in launches] if self.runs_at_once else []
        try:
            return look.Look(self.compiled, targets, self.kept, others, small)
        except Exception:
            # It is a short cut; whatever goes wrong with it, Python does the looking.
            self.runs_at_once = False
            return lambda: 0

    def _tensors_hold(self, params: list[Tensor]) -> bool:
        """Look at all tensors through Python: in every case, and a little slower."""
        if (list(map(ADDRESS, self.written)), list(map(_kind, self.compiled))) != (self.addresses, self.kinds):
            return False
        grads = list(map(GRAD, params))
        if [grad is not None for grad in grads] != self.has_grad or not self.are_alike(compress(grads, self.has_grad)):
            return False
        # The gradients may be elsewhere than before.
        for launch in self.plan.launches:
            launch.find_gradients()
        self._note_gradients()
        return True


def _targets(launch: Launch) -> Iterator[int]:
    """Give the addresses of the places where a launch has the addresses of its gradients."""
    start, size = launch.gradients.ctypes.data, launch.gradients.itemsize
    return (start + size * index for index in range(len(launch.params)))


def _same(found: Sequence[Any], known: Sequence[Any]) -> bool:
    """Tell if these are the very same objects; most optimizers have one group."""
    if len(found) == 1 == len(known):
        return found[0] is known[0]
    return len(found) == len(known) and all(map(is_, found, known))


def _params(groups: Sequence[dict[str, Any]]) -> list[Tensor]:
    if len(groups) == 1:
        params: list[Tensor] = groups[0][PARAMS]
        return params
    return list(chain.from_iterable([group[PARAMS] for group in groups]))


def _same_kind(examples: list[Tensor]) -> Callable[[Any], bool]:
    """Make a check that tensors have the type, dtype, device, shape and strides of these, one by one."""
    kinds = list(map(_kind, examples))
    return lambda tensors: list(map(_kind, tensors)) == kinds


def _kind(tensor: Tensor) -> tuple[Any, ...]:
    how = tensor.stride() if tensor.layout == torch.strided else tensor.layout
    return type(tensor), tensor.dtype, tensor.device, tensor.shape, how, tensor.is_conj(), tensor.is_neg()
