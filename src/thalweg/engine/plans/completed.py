"""All that will be kept of each parameter of a plan: what is there already, and new states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...state.formats.keeping import keeps_anything
from ...state.initial import complete
from ..decisions.choice import Choice
from ..eager.access import InPlace

SMALL = 4096
"""Elements that are copied in less time than it takes to find out how a state begins."""


def completed(choices: Sequence[Choice]) -> dict[int, dict[str, Any]]:
    """Give all that will be kept of each parameter; what is there already is the very same.

    New states of small parameters that are alike are copies of the first one's.
    """
    found: dict[int, dict[str, Any]] = {}
    first: dict[int, dict[str, Any]] = {}
    for choice in choices:
        like = id(choice.kernels)
        if like in first and _may_be_copied(choice):
            found[id(choice)] = _another(first[like], choice)
        else:
            found[id(choice)] = first[like] = _completed(choice)
    return found


def _completed(choice: Choice) -> dict[str, Any]:
    item, formula, state = choice.item, choice.program.formula, dict(choice.state)
    if keeps_anything(formula, choice.kept):
        complete(state, formula, item.param, choice.kept, InPlace.reader(item.group))
    return state


def _may_be_copied(choice: Choice) -> bool:
    """Tell if new states of a parameter are those of any that is like it: a copy of the parameter itself is not."""
    rule = choice.program.formula.rule
    return choice.item.param.numel() <= SMALL and rule.copies.isdisjoint(choice.kept)


def _another(states: dict[str, Any], choice: Choice) -> dict[str, Any]:
    """Add to what there is of a parameter what was added to that of one that is like it."""
    have = choice.state
    return {name: have[name] if have.get(name) is not None else _copy(value) for name, value in states.items()}


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
