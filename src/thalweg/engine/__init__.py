"""How a formula runs."""

from typing import Any

from ..formula.trace import formula_of
from ..state.initial import complete
from .explain import explain
from .watch import Watch

__all__ = ["create_states", "explain", "step"]

MOST_PLANS = 32
"""Plans kept for sets of parameters that take turns."""


def step(optimizer: Any) -> None:
    """Update each parameter that has a gradient: by the plan of last time if it still holds."""
    watch = optimizer._watch
    if watch is None or not watch.holds(optimizer):
        watch = optimizer._watch = _other(optimizer)
    watch.plan.run(optimizer)


def _other(optimizer: Any) -> Watch:
    """Find the plan for the parameters that have gradients now, or make one."""
    plans: dict[Any, Watch] = optimizer._plans
    key = tuple(param.grad is not None for group in optimizer.param_groups for param in group["params"])
    known = plans.pop(key, None)
    if known is None or not known.holds(optimizer):
        known = Watch(optimizer)
    plans[key] = known
    if len(plans) > MOST_PLANS:
        del plans[next(iter(plans))]
    return known


def create_states(optimizer: Any, group: dict[str, Any]) -> None:
    """Make the states of a group's parameters before their first step."""
    formula = formula_of(optimizer.rule, group)
    for param in group["params"]:
        complete(optimizer.state[param], formula, param, group)
