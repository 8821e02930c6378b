"""How a formula runs."""

from typing import Any

from ..formula.trace import formula_of
from ..state.initial import complete
from . import eager
from .gradients import ready


def step(optimizer: Any) -> None:
    """Update each parameter that has a gradient."""
    eager.step(optimizer, ready(optimizer))


def create_states(optimizer: Any, group: dict[str, Any]) -> None:
    """Make the states of a group's parameters before their first step."""
    formula = formula_of(optimizer.rule, group)
    for param in group["params"]:
        complete(optimizer.state[param], formula, param, group)
