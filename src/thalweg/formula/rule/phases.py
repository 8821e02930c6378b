"""Which phase of its work a step is, where a rule does some of it only every few steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PHASE = "phase"
"""What formulas call it: a Python `if` asks for it while they are traced, so each phase has a formula of its own."""

LOOKED_AHEAD = 10_000
"""For how many steps it is asked which phases come."""


def usual(owner: Any) -> str | None:
    """Name the phase of a class that is asked of where no step is about to be taken: the last of its `phases`."""
    phases: tuple[str, ...] = owner.phases
    return phases[-1] if phases else None


def phase_in(owner: Any, options: Mapping[str, Any]) -> str | None:
    """Read the phase that a formula is asked for; mere options of a group know none."""
    phase: str | None = options.get(PHASE, usual(owner))
    return phase


def phase_at(owner: Any, options: Mapping[str, Any], step: int) -> str | None:
    """Say which phase a step is; None for a period of 0 that was written into the group, which its range refuses."""
    try:
        return str(owner.phase_of(options, step))
    except ZeroDivisionError:
        return None
    except KeyError as error:
        name = owner.__name__
        raise TypeError(
            f"{name}.phase_of asks for an option {error}, which {name} does not have: declare it, or write another name"
        ) from None


def checked_phase(owner: Any, phase: str | None) -> str:
    """Return a phase that a class has; raises TypeError for any other, and for None, where it could not be computed."""
    if phase is None or phase not in owner.phases:
        got = "divided by zero" if phase is None else f"returned {phase!r}"
        listed = " or ".join(map(repr, owner.phases))
        raise TypeError(f"{owner.__name__}.phase_of {got}: let it return {listed}, which are its phases")
    return phase


def coming(owner: Any, options: Mapping[str, Any]) -> set[str]:
    """Find the phases that come in a run: with some options, some of them never do."""
    found: set[str] = set()
    for step in range(1, LOOKED_AHEAD + 1):
        found.add(checked_phase(owner, phase_at(owner, options, step)))
        if len(found) == len(owner.phases):
            break
    return found


class InPhase(dict[str, Any]):
    """The same options and facts in another phase."""

    def __init__(self, phase: str | None, options: Mapping[str, Any]) -> None:
        super().__init__({PHASE: phase})
        self.options = options

    def __missing__(self, name: str) -> Any:
        return self.options[name]
