"""Which formula a group's parameters follow in this very step: the optimizer's, and what is put around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..formula.around import counting, gathering, measuring, unscaling
from ..formula.rule import Rule
from ..state.keeping import draws
from ..state.noted import GATHERED

SCALE, OVERFLOWED = "grad_scale", "found_inf"
"""The attributes that torch.amp.GradScaler puts on an optimizer for the time of a step."""


def goes_ahead(optimizer: Any) -> bool:
    """Make a scaler's factor, if there is one, a number of this step; False if the step is to be left out."""
    own, numbers = optimizer.__dict__, optimizer._step_numbers
    numbers.clear()
    if own.get(SCALE) is not None:
        numbers[SCALE] = own[SCALE]
    return _leaves_it_to_the_device(optimizer) or not has_overflowed(optimizer)


def has_overflowed(optimizer: Any) -> bool:
    """Tell if a scaler has found an infinite gradient; if a device knows, it is waited for."""
    return bool(optimizer.__dict__.get(OVERFLOWED))


def _leaves_it_to_the_device(optimizer: Any) -> bool:
    """Tell if the kernels of the next step look themselves at what a scaler has found."""
    return optimizer._watch is not None and optimizer._watch.plan.decides_on_device


def rule_for(optimizer: Any, group: Mapping[str, Any]) -> Rule:
    """Return the rule of this step: gradients may be scaled, or only be gathered."""
    rule = _counting(optimizer.rule, group)
    if is_gathering(optimizer):
        rule = gathering(rule)
    return unscaling(rule) if SCALE in optimizer._step_numbers else rule


def measuring_rule_for(optimizer: Any, group: Mapping[str, Any]) -> Rule:
    """Return the rule that measures the gradients of this step."""
    rule = measuring(_counting(optimizer.rule, group))
    return unscaling(rule) if SCALE in optimizer._step_numbers else rule


def _counting(rule: Rule, group: Mapping[str, Any]) -> Rule:
    """Have steps counted where random numbers are drawn."""
    return counting(rule) if draws(group) and not rule.counts_steps else rule


def is_measured(optimizer: Any) -> bool:
    """Tell if gradients are looked at before parameters are updated."""
    looks = any(group["max_grad_norm"] is not None or group["skip_nonfinite"] for group in optimizer.param_groups)
    return looks and not is_gathering(optimizer)


def is_gathering(optimizer: Any) -> bool:
    """Tell if this step only adds to the gradients that wait."""
    group = optimizer.param_groups[0]
    return bool(group["accumulate"] > 1) and group.get(GATHERED, 0) + 1 < group["accumulate"]


def gathered(optimizer: Any) -> None:
    """Count a gradient, once all has gone well."""
    for group in optimizer.param_groups:
        if group["accumulate"] > 1:
            group[GATHERED] = (group.get(GATHERED, 0) + 1) % int(group["accumulate"])
