"""Which formula a group's parameters follow in this very step: the optimizer's, and what is put around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...formula.around.kinds_of_step import counting, ending, gathering, measuring, unscaling
from ...formula.around.training_loop import ACCUMULATED
from ...formula.rule.observing import observing
from ...formula.rule.rule import Rule
from ...state.formats.keeping import draws
from ...state.noted import GATHERED

SCALE, OVERFLOWED = "grad_scale", "found_inf"
"""The attributes that torch.amp.GradScaler puts on an optimizer for the time of a step."""

OBSERVING = "_observes"
"""The attribute that an optimizer has while it takes in something else than gradients."""


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
    rule = counting_rule(optimizer, group)
    if phase(optimizer) == OBSERVES:
        return observing(rule)
    if is_gathering(optimizer):
        rule = gathering(rule)
    return _as_they_come(optimizer, rule)


def measuring_rule_for(optimizer: Any, group: Mapping[str, Any]) -> Rule:
    """Return the rule that measures the gradients of this step."""
    return _as_they_come(optimizer, measuring(counting_rule(optimizer, group), is_gathering(optimizer)))


def _as_they_come(optimizer: Any, rule: Rule) -> Rule:
    """Let a rule take gradients as they are now: scaled, or the last of more or fewer than was said at the first."""
    count = phase(optimizer)
    if count > 1:
        rule = ending(rule, count)
    return unscaling(rule) if SCALE in optimizer._step_numbers else rule


def counting_rule(optimizer: Any, group: Mapping[str, Any]) -> Rule:
    """Return a group's rule, which counts steps where random numbers are drawn, or some steps are not like others."""
    rule: Rule = optimizer.rule_in(group)
    needs_count = draws(group) or group["lookahead"] is not None
    return counting(rule) if needs_count and not rule.counts_steps else rule


def is_measured(optimizer: Any) -> bool:
    """Tell if gradients are looked at before parameters are updated; where they are gathered, if they are finite."""
    groups = optimizer.param_groups
    if phase(optimizer) == OBSERVES:
        return False
    if is_gathering(optimizer):
        return any(group["skip_nonfinite"] for group in groups)
    asked = any(group["max_grad_norm"] is not None or group["skip_nonfinite"] for group in groups)
    return asked or type(optimizer).needs_grad_norm or bool(type(optimizer).surveys)


GATHERS, OBSERVES, STEPS = -1, 0, 1
"""Phases of an optimizer: this gradient waits for others; something else is taken in; or a step is taken."""


def phase(optimizer: Any) -> int:
    """Say what this step does: GATHERS, OBSERVES, STEPS, or how many gradients end a cycle of another length.

    Raises ValueError, before anything changes, where groups differ in how many they wait for.
    """
    if optimizer._observes:
        return OBSERVES
    first = optimizer.param_groups[0]
    wanted, waiting = first["accumulate"], first.get(GATHERED, 0)
    if wanted == 1 and not waiting:
        return STEPS
    _refuse_differing(optimizer.param_groups)
    if waiting + 1 < wanted:
        return GATHERS
    return STEPS if waiting + 1 == wanted else waiting + 1


def _refuse_differing(groups: Sequence[Mapping[str, Any]]) -> None:
    wanted = groups[0]["accumulate"]
    for index, group in enumerate(groups):
        if group["accumulate"] != wanted:
            raise ValueError(
                f"accumulate must be the same in all parameter groups, but group {index} has {group['accumulate']} and "
                f"group 0 has {wanted}: give all the same"
            )


def is_gathering(optimizer: Any) -> bool:
    """Tell if this step only adds to the gradients that wait."""
    return phase(optimizer) == GATHERS


def accumulates(optimizer: Any) -> bool:
    """Tell if gradients wait for others, or have waited since the last step; raises ValueError as `phase` does."""
    _refuse_differing(optimizer.param_groups)
    return any(group["accumulate"] > 1 or group.get(GATHERED) for group in optimizer.param_groups)


def drop_sums(optimizer: Any) -> None:
    """Begin anew with gathering: of sums that are not finite, no step can come any more."""
    for state in optimizer.state.values():
        if isinstance(state, dict) and ACCUMULATED in state:
            state[ACCUMULATED].zero_()
    for group in optimizer.param_groups:
        if GATHERED in group:
            group[GATHERED] = 0


def gathered(optimizer: Any) -> None:
    """Count a gradient, once all has gone well; a step along them ends the cycle."""
    if phase(optimizer) == OBSERVES:
        return
    is_waiting = is_gathering(optimizer)
    for group in optimizer.param_groups:
        group[GATHERED] = group.get(GATHERED, 0) + 1 if is_waiting else 0
