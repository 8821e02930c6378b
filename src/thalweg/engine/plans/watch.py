"""What a plan takes for granted, looked up anew before each step: the cheaper, the faster small models train."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, compress
from operator import attrgetter, is_
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from ...distributed.local_parameter import bearer
from ...state.entries import States
from ...state.layout import extent, spans
from ..decisions.gradients import Ready
from ..decisions.modes import modes_around
from ..decisions.residues import drop, note, residues
from ..decisions.rules import SCALE, phase
from ..decisions.seen import seen_of_all
from ..known_objects import KnownObjects
from ..launches.launch import Launch
from ..operands import facts
from ..triton.unbuilt import UnbuiltError
from .build import is_news
from .phases_held import phases_of
from .plan import Plan, plan

GRAD = attrgetter("grad")
ADDRESS = Tensor.data_ptr
PARAMS = "params"


class Watch:
    """A plan, and the objects, and all that was checked of their memory, for which it was made."""

    def __init__(self, optimizer: Any, items: Sequence[Ready]) -> None:
        if type(optimizer.state) is not States:
            optimizer.state = States(optimizer.state)
        self.plan = _as_far_as_built(optimizer, items)
        self.engine, self.is_scaled = optimizer.engine, SCALE in optimizer._step_numbers
        self.count_modes = modes_around(optimizer)
        self.modes = self.count_modes()
        self.phase, self.phases = phase(optimizer), phases_of(optimizer, items, self.plan.launches)
        self.turns: Any = None
        """Which plan was next the last time that this one did not fit."""
        self.groups = list(optimizer.param_groups)
        self.known_params = KnownObjects(_params(self.groups))
        self.params = self.known_params.known
        self.options = [launch.options for launch in self.plan.launches]
        self.compiled = [param for launch in self.plan.launches for param in launch.params]
        self.kept = [tensor for launch in self.plan.launches for tensor in launch.states]
        self.written = self.compiled + self.kept
        self.residues = residues((row.param, row.state) for launch in self.plan.launches for row in launch.rows)
        seen = {id(item.param): item.seen for item in items}
        self.addresses = list(map(ADDRESS, self.written))
        self.facts = facts_of(self.written, {key: found for key, (found, _) in seen.items()})
        self.room = Room(self.written)
        # Work that takes no longer than looking at it is done with Python's lock held, in the same call.
        is_small = all(launch.is_small for launch in self.plan.launches)
        self.runs_at_once = self.plan.is_plain and is_small and not optimizer.learned
        self.reports = self.plan.reports
        # One call needs nothing held; and memory of a device is freed in the order of its work.
        holds_none = self.runs_at_once or self.plan.decides_on_device
        self.held = [] if holds_none else list(map(bearer, self.compiled))
        self.is_for_one_thread = any(launch.is_for_one_thread for launch in self.plan.launches)
        skips = any(group["skip_nonfinite"] for group in self.groups)
        self.asks_for_gradients = bool(self.plan.eager) or skips
        """True if Python may want to know gradients in a step, beside machine code."""
        self.state = optimizer.state
        self.changes, self.added = self.state.changes.count, self.state.changes.added
        self.has_phases = self.plan.accumulates or bool(self.plan.eager) or hasattr(type(optimizer), "observe")
        grads = {id(item.param): item.grad for item in items}
        self.has_grad = [id(param) in grads for param in self.params]
        with_grad = [grads[id(param)] for param in self.params if id(param) in grads]
        self.grad_facts = facts_of(with_grad, {id(grads[key]): found for key, (_, found) in seen.items()})
        self.look = self._look([grads[id(param)] for param in self.compiled])

    def run(self, optimizer: Any) -> None:
        """Run the plan; the states that it puts in place are no change to it."""
        drop(optimizer, self.residues)
        # Autograd is told that the parameters are about to change.
        increment_version(self.compiled)
        self._run_plan(optimizer)
        note(optimizer, self.residues)

    def _run_plan(self, optimizer: Any) -> None:
        self.changes += self.plan.run(optimizer)
        self.added = self.state.changes.added

    def _has_run(self, optimizer: Any) -> None:
        """Let the optimizer know of what machine code has measured meanwhile; from then on it reads that itself."""
        if self.reports:
            optimizer._metrics.begin()
            self.plan.report(optimizer)

    def concerns(self, optimizer: Any) -> bool:
        """Tell if these are still the parameters, groups and states of the optimizer; if not, they never will be."""
        groups = optimizer.param_groups
        return (
            _same(groups, self.groups)
            and self.known_params.are(_params(groups))
            and optimizer.state is self.state
            and self._knows_states()
        )

    def _knows_states(self) -> bool:
        """Tell if states are still those of the plan; what only other plans need, they may have added meanwhile."""
        changes = self.state.changes
        new = changes.count - self.changes
        if new and (self.plan.made or new != changes.added - self.added):
            return False
        self.changes, self.added = changes.count, changes.added
        return True

    def step_at_once(self, optimizer: Any) -> bool:
        """Take the step if the plan still fits, and one call does it all; False if not, and nothing has changed."""
        is_reported = not self.reports or optimizer._metrics.source is self.plan.mark
        if not self.runs_at_once or self.residues or not is_reported:
            return False
        return self._fits(optimizer) and self.look(0) != 0

    def step(self, optimizer: Any) -> bool:
        """Take the step if the plan still fits; False if it does not, and nothing has changed."""
        return self._as_far_as_built(optimizer, self._step_again, self._step_after_all)

    def step_again(self, optimizer: Any) -> bool:
        """Take the step if the quick look finds that all is as it was; False if not, and nothing has changed."""
        return self._as_far_as_built(optimizer, self._step_again)

    def _as_far_as_built(self, optimizer: Any, *ways: Callable[[Any], bool]) -> bool:
        """Take the step in the first of some ways that can be; False if none can, or a kernel cannot be had."""
        try:
            return self._fits(optimizer) and any(way(optimizer) for way in ways)
        except UnbuiltError as error:
            is_news(optimizer, error)
            return False

    def _step_again(self, optimizer: Any) -> bool:
        # Another thread may take gradients away, and free them, while machine code reads them: they are held here.
        grads = gradients_of(self.held) if self.held else None
        if self.residues:
            drop(optimizer, self.residues)
        if not self.look(id(grads) if grads else 0):
            return False
        self._has_run(optimizer) if self.runs_at_once else self._run_plan(optimizer)
        if self.residues:
            note(optimizer, self.residues)
        return True

    def _fits(self, optimizer: Any) -> bool:
        """Tell if nothing but tensors can be other than it was."""
        # Through the class, each attribute would take twice as long.
        own = optimizer.__dict__
        groups, state = own["param_groups"], self.state
        if (
            own["state"] is not state
            or (state.changes.count != self.changes and not self._knows_states())
            # Where phases take turns, each plan fails here in most steps: this is asked first.
            or (self.phases is not None and not self.phases.hold(optimizer))
            or own["engine"] != self.engine
            or self.count_modes() != self.modes
            or (SCALE in own["_step_numbers"]) != self.is_scaled
            or not _same(groups, self.groups)
            or not self.known_params.are(_params(groups))
            or (self.has_phases and phase(optimizer) != self.phase)
            or (self.is_for_one_thread and torch.get_num_threads() != 1)
        ):
            return False
        # A loop costs half as much as all() of a generator.
        for options in self.options:  # noqa: SIM110
            if not options.refresh():
                return False
        return True

    def _step_after_all(self, optimizer: Any) -> bool:
        """Look at all tensors through Python; take the step if all that changed is where the gradients are."""
        grads = gradients_of(self.params)
        found = {id(param): grad for param, grad in zip(self.params, grads, strict=True)}
        compiled = [found[id(param)] for param in self.compiled]
        if not (self._tensors_hold(grads) and all(map(self.room.has, compiled))):
            return False
        for launch in self.plan.launches:
            launch.find_gradients([found[id(param)] for param in launch.params])
        self.look = self._look(compiled)
        # Where one call does it, no other thread can come between the noting of addresses and their use.
        if not self.runs_at_once:
            self.run(optimizer)
            return True
        if not self.look(0):
            return False
        self._has_run(optimizer)
        note(optimizer, self.residues)
        return True

    def _tensors_hold(self, grads: Sequence[Any]) -> bool:
        if (list(map(ADDRESS, self.written)), list(map(facts, self.written))) != (self.addresses, self.facts):
            return False
        return [grad is not None for grad in grads] == self.has_grad and self.grad_facts == list(
            map(facts, compress(grads, self.has_grad))
        )

    def _look(self, grads: Sequence[Tensor]) -> Callable[[int], int]:
        """Make the quick look at all tensors, where there is one."""
        launches = self.plan.launches
        # Only now is LLVM needed, and imported.
        from ..llvm.looking import inside_tensors, look

        seen = [*self.written, *grads]
        if (
            not (launches and inside_tensors.is_possible() and all(map(inside_tensors.is_seen, seen)))
            or self._is_relaid()
        ):
            self.runs_at_once = False
            return _sees_nothing
        compiled = set(map(id, self.compiled))
        pairs = zip(self.params, self.has_grad, strict=True)
        others = [(bearer(param), has_grad) for param, has_grad in pairs if id(param) not in compiled]
        targets = list(chain.from_iterable(map(_targets, launches)))
        small = [function for launch in launches for function in launch.functions] if self.runs_at_once else []
        try:
            return look.Look(self.compiled, grads, targets, self.kept, others, small, self.room.pieces).glance()
        except Exception:
            # It is a short cut; whatever goes wrong with it, Python does the looking.
            self.runs_at_once = False
            return _sees_nothing

    def _is_relaid(self) -> bool:
        return any(launch.relaid for launch in self.plan.launches)


def _as_far_as_built(optimizer: Any, items: Sequence[Ready]) -> Plan:
    """Make a plan, and another one where tensors need a kernel that cannot be built."""
    try:
        return plan(optimizer, items)
    except UnbuiltError as error:
        if not is_news(optimizer, error):
            raise
    return _as_far_as_built(optimizer, items)


class Room:
    """The memory between what is written, where gradients may lie."""

    def __init__(self, written: Sequence[Tensor]) -> None:
        self.pieces = spans(written)
        self.starts, self.stops = self.pieces.T.tolist()

    def has(self, grad: Tensor) -> bool:
        """Tell if a gradient lies there."""
        if not grad.numel():
            return True
        start, stop = extent(grad)
        after = bisect_right(self.stops, start)
        return after == len(self.starts) or stop <= self.starts[after]


def facts_of(tensors: Sequence[Tensor], seen: Mapping[int, Any]) -> list[tuple[Any, ...]]:
    """Give the facts of each, as they were seen where they were; those that are equal are kept once."""
    others = [tensor for tensor in tensors if not seen.get(id(tensor))]
    found = {**seen, **dict(zip(map(id, others), seen_of_all(others), strict=True))}
    return [found[id(tensor)] or facts(tensor) for tensor in tensors]


def gradients_of(params: Sequence[Tensor]) -> list[Any]:
    """Give the gradient of each; a class of its own would be asked each time whether it does things its own way."""
    with torch._C.DisableTorchFunctionSubclass():
        return list(map(GRAD, params))


def _sees_nothing(_: int) -> int:
    """Leave it to Python to look."""
    return 0


def _targets(launch: Launch) -> Iterator[int]:
    """Give the addresses of the places where a launch has the addresses of its gradients."""
    start, size = launch.gradients.ctypes.data, launch.gradients.itemsize
    return (start + size * index for index in range(len(launch.params)))


def _same(found: Sequence[Any], known: Sequence[Any]) -> bool:
    """Tell if these are the very same objects; most optimizers have one group."""
    count = len(known)
    if len(found) != count:
        return False
    return found[0] is known[0] if count == 1 else all(map(is_, found, known))


def _params(groups: Sequence[dict[str, Any]]) -> list[Tensor]:
    if len(groups) == 1:
        params: list[Tensor] = groups[0][PARAMS]
        return params
    return list(chain.from_iterable([group[PARAMS] for group in groups]))
