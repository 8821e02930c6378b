"""Which tensors go together: one launch for all that share a formula and formats, whatever their groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..formula.passes import passes
from ..state.initial import complete
from ..state.keeping import keeps_anything
from . import capture, eager, matrices, norm
from .access import InPlace
from .choice import Choice, choose
from .gradients import Ready, again
from .kernels import kernel_for, with_kernels
from .launch import Launch, Row
from .learning import learn
from .matrices import Matrices, Workspace
from .options import Options
from .rules import OVERFLOWED, gathered, is_measured


@dataclass(frozen=True)
class Plan:
    """How one set of parameters is updated, step after step."""

    launches: list[Launch]
    eager: list[tuple[dict[str, Any], Tensor, int]]
    """The parameters left to the eager engine, with groups and places; never a gradient, which would live on."""
    accumulates: bool
    """True if gradients are gathered over several steps."""

    @property
    def is_plain(self) -> bool:
        """True if running the launches is all there is to do."""
        return not (self.eager or self.accumulates) and all(launch.is_plain for launch in self.launches)

    @property
    def decides_on_device(self) -> bool:
        """True if the devices themselves can leave a step out, and nobody else need know."""
        on_device = all(launch.is_on_device for launch in self.launches)
        return on_device and not (self.eager or self.accumulates)

    def run(self, optimizer: Any) -> None:
        """Update all of them, unless what is seen of their gradients forbids it."""
        items = [again(optimizer, *kept) for kept in self.eager]
        capture.refuse_eager(optimizer, items)
        metrics = optimizer._metrics
        metrics.sums.clear()
        is_left_out = self._is_left_out(optimizer, items)
        if is_left_out is True:
            return
        for launch in self.launches:
            launch.run(is_left_out)
            for name, sums in launch.measured().items():
                metrics.take(name, sums)
        if items:
            eager.step(optimizer, items)
        if optimizer.learned:
            learn(optimizer)
        if self.accumulates and (self.launches or items):
            gathered(optimizer)

    def _is_left_out(self, optimizer: Any, items: Sequence[Ready]) -> Any:
        """Find out if the step is to be left out; where only devices need know, they alone do, from a tensor."""
        found = norm.take(optimizer, self.launches, items) if is_measured(optimizer) else False
        if not self.decides_on_device:
            return bool(found)
        flags = [flag for flag in (found, optimizer.__dict__.get(OVERFLOWED)) if isinstance(flag, Tensor)]
        if len(flags) < 2:
            return flags[0] if flags else found
        return sum(flag.to(flags[0].device, torch.float32).reshape(1) for flag in flags)


def plan(optimizer: Any, items: Sequence[Ready]) -> Plan:
    """Plan the update of parameters; what no kernel can be built for is left to the eager engine, with a warning."""
    choices = choose(optimizer, items)
    if any(choice.compiler == "triton" for choice in choices):
        capture.refuse_first_step(optimizer)
    choices = [with_kernels(optimizer, choice) for choice in choices]
    space = Workspace()
    launches = [_launch(optimizer, found, space) for found in _together(choices)]
    left = [choice.item for choice in choices if choice.why_eager]
    others = [(item.group, item.param, item.index) for item in left]
    return Plan(launches, others, any(group["accumulate"] > 1 for group in optimizer.param_groups))


def _together(choices: Sequence[Choice]) -> list[list[Choice]]:
    """Find those that go into one launch, the largest first; where matrices are made, they lie alike, and are few."""
    sets: dict[Any, list[Choice]] = {}
    for choice in choices:
        if not choice.why_eager:
            sets.setdefault((choice.measure is None, *choice.kernels, *choice.matrices), []).append(choice)
    parts = (part for found in sets.values() for part in (_parts(found) if found[0].matrices else [found]))
    return sorted(parts, key=lambda part: -len(part) * part[0].item.param.numel() if part[0].matrices else 0)


def _parts(choices: list[Choice]) -> Iterator[list[Choice]]:
    """Cut a set of like parameters into as large pieces as are worked on at once."""
    param = choices[0].item.param
    count = max(matrices.most(param.device) // max(param.numel(), 1), 1)
    for first in range(0, len(choices), count):
        yield choices[first : first + count]


class Kinds(NamedTuple):
    """What launches and options are, for a compiler's kernels."""

    launch: Any
    options: Any


def _kinds(compiler: str) -> Kinds:
    if compiler == "triton":
        from .triton.launch import DeviceLaunch
        from .triton.options import DeviceOptions

        return Kinds(DeviceLaunch, DeviceOptions)
    return Kinds(Launch, Options)


def _launch(optimizer: Any, choices: Sequence[Choice], space: Workspace) -> Any:
    """Make the states that are missing, and the tables."""
    first, kinds = choices[0], _kinds(choices[0].compiler)
    updates = [(program, kernel_for(*first.kernel(program))) for program in passes(first.program)]
    measure = None if first.measure is None else (first.measure, kernel_for(*first.kernel(first.measure)))
    columns = [symbol for program in (*passes(first.program), first.measure) if program for symbol in program.options]
    groups = {id(choice.item.group): choice.item.group for choice in choices}
    options = kinds.options(list(groups.values()), first.program.formula, columns, optimizer._step_numbers)
    places = {key: options.address(row) for row, key in enumerate(groups)}
    params = [choice.item.param for choice in choices]
    matrices = Matrices(first.program, params, first.item.group, space, first.compiler) if first.program.work else None
    rows = [
        _row(optimizer, choice, places[id(choice.item.group)], matrices.of(index) if matrices else {})
        for index, choice in enumerate(choices)
    ]
    return kinds.launch(rows, options, updates, measure, matrices)


def _row(optimizer: Any, choice: Choice, options: int, work: dict[str, Tensor]) -> Row:
    item, formula = choice.item, choice.program.formula
    is_fresh = any(choice.state.get(name) is None for name in formula.states)
    state = optimizer.state[item.param] if keeps_anything(formula, choice.kept) else {}
    complete(state, formula, item.param, choice.kept, InPlace.reader(item.group))
    return Row(item.param, state, options, is_fresh, item.numbers, work)
