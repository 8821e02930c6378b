"""What torch.amp.GradScaler asks of a step: gradients divided by its scale, or no step where one has overflowed."""

from typing import Any

from ..formula.rule import Rule, unscaling

SCALE, OVERFLOWED = "grad_scale", "found_inf"
"""The attributes that a scaler puts on an optimizer for the time of a step."""


def goes_ahead(optimizer: Any) -> bool:
    """Make a scaler's factor, if there is one, a number of this step; False if the step is to be left out."""
    own, numbers = optimizer.__dict__, optimizer._step_numbers
    numbers.clear()
    if own.get(SCALE) is not None:
        numbers[SCALE] = own[SCALE]
    return not bool(own.get(OVERFLOWED))


def rule_for(optimizer: Any) -> Rule:
    """Return the rule for gradients as they come: scaled or not."""
    rule: Rule = optimizer.rule
    return unscaling(rule) if optimizer._step_numbers else rule
