"""Which tensors go together: one launch for all that share a formula and formats, whatever their groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import attrgetter, methodcaller
from typing import Any

import torch
from torch import Tensor

from ...distributed.owners import Loads
from ...formula.tracing.passes import passes
from ...state.interrupts import InterruptsWaiting
from ..commit import Change, commit, entries, given_to_driver
from ..decisions import capture, counts
from ..decisions.batches import batches
from ..decisions.choice import Choice, choose
from ..decisions.gradients import Left, Ready, again, refuse
from ..decisions.modes import refuse_traced
from ..decisions.rules import OVERFLOWED, accumulates, gathered, is_measured
from ..eager import reference
from ..eager.reference import Told
from ..eager.update import Update
from ..launches.edits import check_groups
from ..launches.launch import Launch, in_turn
from ..pieces.workspace import Workspace
from ..sharded import owned_matrices
from ..sharded.local_optimizer import WholeNeededError
from ..sharded.moments import AT_THE_END, FIRST_PASS, SEAMS, Layout
from ..sharded.shared_parameters import is_local
from ..sharded.sharing import Sharing
from ..totals import norm
from ..totals.learning import learn
from .build import with_kernels
from .completed import completed
from .launch_of import launch_of
from .parts import parts

REPEAT, AS_BEFORE, BIND_ANEW = methodcaller("repeat"), methodcaller("driver_launches"), methodcaller("bind_anew")
ON_DEVICE = attrgetter("is_on_device")


@dataclass
class Plan:
    """How one set of parameters is updated, step after step."""

    launches: list[Launch]
    eager: list[Left]
    """The parameters left to the eager engine; never a gradient, which would live on."""
    accumulates: bool
    """True if gradients are gathered over several steps."""
    made: list[tuple[Tensor, dict[str, Any]]]
    """The states that the first step puts in place, when it changes the parameters."""

    layout: Layout = ()
    """How many sums over sharded parameters processes add up, and when."""
    mark: object = field(default_factory=object)
    """Tells whose sums an optimizer's metrics read, and keeps nothing alive."""

    @cached_property
    def on_devices(self) -> list[Tensor]:
        """The parameters whose steps are counted where the host does not see it."""
        params = [*(param for launch in self.launches for param in launch.params), *(left.param for left in self.eager)]
        return list(filter(counts.lies_elsewhere, params))

    @cached_property
    def shares(self) -> bool:
        """True if processes tell each other something in a step."""
        return any(map(any, self.layout))

    @property
    def is_plain(self) -> bool:
        """True if running the launches' kernels is all there is to do."""
        return not (self.eager or self.shares or self.accumulates) and all(launch.is_plain for launch in self.launches)

    @property
    def decides_on_device(self) -> bool:
        """True if the devices themselves can leave a step out, and nobody else need know."""
        return all(map(ON_DEVICE, self.launches)) and not (self.eager or self.shares or self.accumulates)

    @cached_property
    def only_launches(self) -> bool:
        """True if a later step is what devices are given to do, and nothing else: nobody looks at gradients before."""
        return self.decides_on_device and all(launch.is_alone for launch in self.launches)

    @cached_property
    def is_of_kernels(self) -> bool:
        """True if the host's kernels are all that changes anything, and nothing has to be waited for in between."""
        return not (self.eager or self.shares or self.accumulates) and all(each.is_of_kernels for each in self.launches)

    @property
    def reports(self) -> bool:
        """True if something is measured by the passes that update parameters."""
        return any(launch.measured() for launch in self.launches)

    @property
    def needs_python(self) -> bool:
        """True if machine code alone does not do it."""
        return bool(self.eager or self.accumulates or any(launch.needs_python for launch in self.launches))

    def run(self, optimizer: Any) -> int:
        """Update all of them, unless what is seen of their gradients forbids it; return how often states were put in.

        Everything is made before anything changes: whatever fails before that leaves all as it was.
        """
        if not (type(optimizer).phases and self.on_devices):
            return self._run(optimizer)
        with counts.counting_along(optimizer, self.on_devices):
            return self._run(optimizer)

    def _run(self, optimizer: Any) -> int:
        if self.only_launches and not (self.made or optimizer.learned or OVERFLOWED in optimizer.__dict__):
            return self._launch_again(optimizer)
        if self.is_of_kernels and not (self.made or optimizer._sharing):
            return self._call_again(optimizer)
        items = self._begun(optimizer)
        is_left_out = self._is_left_out(optimizer, items)
        return 0 if is_left_out is True else self._update(optimizer, items, is_left_out)

    def _begun(self, optimizer: Any) -> Sequence[Ready]:
        """Look again at what the eager engine is to update; nothing has changed yet."""
        if optimizer._sharing:
            deque(map(BIND_ANEW, filter(ON_DEVICE, self.launches)), maxlen=0)  # may fail: before others wait for this
            optimizer._sharing.begin(self.layout)
        if self.eager:
            refuse_traced(optimizer)
            check_groups(optimizer)
        items = again(optimizer, self.eager)
        capture.refuse_eager(optimizer, items)
        optimizer._metrics.begin()
        return items

    def _update(self, optimizer: Any, items: Sequence[Ready], is_left_out: Any) -> int:
        """Update all of them on whatever engine; return how often states were put in."""
        first, *later = batches(optimizer, items) if items else [[]]
        for batch in later:
            reference.check(optimizer, batch)
        updates = reference.computed(optimizer, first)
        waits = self._waits(optimizer._sharing)
        prepared = [launch for launch in self.launches if waits and any(map(is_local, launch.params))]
        changes = [*self._changes(optimizer, updates, prepared, is_left_out)]
        puts_in = entries(optimizer, [*self.made, *reference.states(updates)])
        conclusion = [] if later else [partial(self._conclude, optimizer, updates)]
        needs_python = self.needs_python or bool(waits or optimizer.learned)
        commit([*changes, *puts_in, self.made.clear, *conclusion], needs_python)
        count = int(bool(puts_in)) + (self._step_later(optimizer, updates, later) if later else 0)
        if optimizer.learned:
            learn(optimizer)
        self._gather(optimizer, items)
        return count

    def _changes(
        self, optimizer: Any, updates: Sequence[Update], prepared: Sequence[Any], is_left_out: Any
    ) -> Iterator[Change]:
        """List what changes parameters and states, in the order in which nobody waits idly."""
        # Without gradients here there is nothing to prepare, but others wait for this process, too.
        if self._waits(optimizer._sharing):
            yield partial(self._prepare, optimizer._sharing, prepared)
        yield from in_turn([launch.stages(is_left_out, launch in prepared) for launch in self.launches])
        yield from (change for update in updates for change in update.changes)

    def _gather(self, optimizer: Any, items: Sequence[Ready]) -> None:
        """Count the gradients that were gathered, here or by an owner elsewhere."""
        elsewhere = optimizer._sharing and any(param.is_due for param in optimizer._sharing.owned)
        if self.accumulates and (self.launches or items or elsewhere):
            gathered(optimizer)

    def _launch_again(self, optimizer: Any) -> int:
        """Update all of them where launches are all there is to do: where the host waits for nobody, it is brief."""
        optimizer._metrics.begin()
        if not given_to_driver(list(map(AS_BEFORE, self.launches))):
            with InterruptsWaiting():
                deque(map(REPEAT, self.launches), maxlen=0)
        return 0

    def _call_again(self, optimizer: Any) -> int:
        """Update all of them where the host's kernels are all there is to call: the model may be small."""
        optimizer._metrics.begin()
        if is_measured(optimizer) and norm.take(optimizer, self.launches, ()):
            norm.forget_what_is_not_finite(optimizer)
            return 0
        changes = [change for launch in self.launches for change in launch.stages()[0]]
        commit([*changes, partial(self.report, optimizer)], self.needs_python or bool(optimizer.learned))
        if optimizer.learned:
            learn(optimizer)
        return 0

    def _waits(self, sharing: Sharing | None) -> bool:
        """Tell if passes wait for what all processes find."""
        moments = SEAMS, *range(FIRST_PASS, len(self.layout))
        return sharing is not None and any(map(sharing.at, moments))

    def _prepare(self, sharing: Sharing, launches: Sequence[Any]) -> None:
        """Run the passes that all processes wait for, and share what they find."""
        for moment in range(FIRST_PASS, len(self.layout)):
            stage = moment - FIRST_PASS
            found = [(launch.params, launch.prepare(stage)) for launch in launches if stage < launch.sums_before]
            if sharing.at(moment):
                sharing.add(moment, [(params, list(sums.values())) for params, sums in found])
        if sharing.at(SEAMS):
            with_seams = [launch for launch in launches if launch.seams]
            for launch in with_seams:
                launch.prepare(launch.sums_before)
            sharing.add_peaks([launch.seams for launch in with_seams if launch.seams])

    def _step_later(self, optimizer: Any, updates: Sequence[Update], batches: Sequence[Sequence[Ready]]) -> int:
        """Step what is too much to be computed at once; return how often states were put in."""
        done = [reference.step(optimizer, batch) for batch in batches]
        self._conclude(optimizer, updates, [each for _, told in done for each in told])
        return sum(count for count, _ in done)

    def _add_up(self, optimizer: Any, updates: Sequence[Update], later: Sequence[Told]) -> None:
        """Add up what the last passes have measured on their way, here and on other processes."""
        sharing = optimizer._sharing
        if sharing and sharing.at(AT_THE_END):
            tables: list[Told] = [(launch.params, list(launch.measured().values())) for launch in self.launches]
            # What an owner has measured of a whole parameter is the sum, and stays as it is.
            tables += [*reference.told(updates), *later]
            for name, number in sharing.measured_elsewhere(sharing.add(AT_THE_END, tables)):
                optimizer._metrics.add(name, number)

    def _conclude(self, optimizer: Any, updates: Sequence[Update], later: Sequence[Told] = ()) -> None:
        """Take note of what was measured, and let go of gradients."""
        self._add_up(optimizer, updates, later)
        self.report(optimizer)
        if updates:
            reference.note(optimizer, updates)

    def report(self, optimizer: Any) -> None:
        """Say where the sums are that the last passes have taken on their way, and let go of gradients."""
        for launch in self.launches:
            launch.done()
            for name, sums in launch.measured().items():
                optimizer._metrics.take(name, sums, launch.params)
        optimizer._metrics.source = self.mark

    def _is_left_out(self, optimizer: Any, items: Sequence[Ready]) -> Any:
        """Find out if the step is to be left out; where only devices need know, they alone do, from a tensor."""
        found = norm.take(optimizer, self.launches, items) if is_measured(optimizer) else False
        if not self.decides_on_device:
            if found:
                norm.forget_what_is_not_finite(optimizer)
            return bool(found)
        flags = [flag for flag in (found, optimizer.__dict__.get(OVERFLOWED)) if isinstance(flag, Tensor)]
        if len(flags) < 2:
            return flags[0] if flags else found
        return sum(flag.to(flags[0].device, torch.float32).reshape(1) for flag in flags)


def plan(optimizer: Any, items: Sequence[Ready]) -> Plan:
    """Plan the update of parameters; what no kernel can be built for is left to the eager engine, with a warning.

    Raises RuntimeError for what no engine can update, TypeError or ValueError for an option that was edited and is out
    of its range; then nothing is changed.
    """
    check_groups(optimizer)
    choices = choose(optimizer, items)
    for choice in choices:
        refuse(optimizer, choice.item, choice.fault)
    if any(choice.compiler == "triton" for choice in choices):
        capture.refuse_first_step(optimizer)
    choices = with_kernels(optimizer, choices)
    refuse_sums(choices)
    space = Workspace()
    states = completed([choice for choice in choices if not choice.why_eager])
    loads: dict[Any, Loads] = {}
    launches = [launch_of(optimizer, found, states, space, loads) for found in parts(choices)]
    made = [(choice.item.param, states[id(choice)]) for choice in choices if _is_changed(choice, states)]
    left = [_left(choice) for choice in choices if choice.why_eager]
    layout = optimizer._sharing.planned() if optimizer._sharing else ()
    return Plan(launches, left, accumulates(optimizer), made, layout)


def refuse_sums(choices: Sequence[Choice]) -> None:
    """Raise WholeNeededError where the eager engine would sum over a shard alone, or take it for a whole matrix."""
    left = [choice for choice in choices if choice.why_eager and is_local(choice.item.param)]
    needy = [
        choice
        for choice in left
        if choice.measure
        or any(each.totals or each.seams for each in passes(choice.program))
        or owned_matrices.are_divided(choice.program, choice.item.param, choice.item.group)
    ]
    if needy:
        raise WholeNeededError({choice.item.index: choice.why_eager or "" for choice in needy})


def _left(choice: Choice) -> Left:
    item = choice.item
    return Left(item.group, item.param, item.index, item.phase, choice.why_eager or "")


def _is_changed(choice: Choice, states: Mapping[int, Mapping[str, Any]]) -> bool:
    """Tell if a parameter will have other states than it has."""
    state = states.get(id(choice), choice.held)
    return state.keys() != choice.held.keys() or any(choice.held[name] is not value for name, value in state.items())
