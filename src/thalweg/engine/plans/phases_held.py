"""Whether the parameters of a plan are in the phases that it was made for: asked before each step of such rules."""

from __future__ import annotations

from collections.abc import Sequence
from operator import methodcaller
from typing import Any

from torch import Tensor

from ...formula.rule.phases import phase_at
from ..decisions import counts
from ..decisions.capture import refuse_phases
from ..decisions.gradients import Ready, phases
from ..launches.launch import Launch

STEP, ITEM = "step", methodcaller("item")


class Phases:
    """The phases as they were, to be compared with what the optimizer says of each parameter."""

    def __init__(self, optimizer: Any) -> None:
        self.known = phases(optimizer)

    def hold(self, optimizer: Any) -> bool:
        """Tell if the next step of each parameter is of the phase that it had."""
        refuse_phases(optimizer)
        return phases(optimizer) == self.known


class CountedPhases:
    """The same by the counts of steps, read where they lie: those that are equal are asked about once."""

    def __init__(self, items: Sequence[Ready], steps: Sequence[Tensor]) -> None:
        together: dict[Any, tuple[Any, str | None, list[Any]]] = {}
        for item, count in zip(items, steps, strict=True):
            known = item.group, item.phase, list[Any]()
            together.setdefault((id(item.group), item.phase), known)[2].append(count.numpy())
        self.together = list(together.values())

    def hold(self, optimizer: Any) -> bool:
        """Tell if the next step of each parameter is of the phase that it had."""
        owner = type(optimizer)
        # Loops cost half as much as all() of generators.
        for group, phase, steps in self.together:
            # Where phases take turns, the first count already says no.
            first = steps[0].item()
            if phase_at(owner, group, int(first) + 1) != phase:
                return False
            others = set(map(ITEM, steps))
            others.discard(first)
            for count in others:
                if phase_at(owner, group, int(count) + 1) != phase:
                    return False
        return True


def phases_of(optimizer: Any, items: Sequence[Ready], launches: Sequence[Launch]) -> Phases | CountedPhases | None:
    """Find what tells if phases hold; nothing where there are none."""
    if not type(optimizer).phases:
        return None
    states = {id(row.param): row.state for launch in launches for row in launch.rows}
    found = [states.get(id(item.param), {}).get(STEP) for item in items]
    are_here = [count for count in found if isinstance(count, Tensor) and not counts.lies_elsewhere(count)]
    return CountedPhases(items, are_here) if len(are_here) == len(items) else Phases(optimizer)
