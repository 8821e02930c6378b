"""The states of a parameter before its first step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..formula.rule import Rule, initial_value
from ..formula.trace import Formula


def complete(state: dict[str, Any], formula: Formula, param: Tensor, read: Callable[[str], Any]) -> None:
    """Add what a parameter's state lacks: the step count, and each state that the formula keeps.

    Where an option that `read` returns is a tensor, states that start from it are computed from it, in its graph.
    """
    rule = formula.rule
    if rule.counts_steps and "step" not in state:
        state["step"] = counted(rule, 0)
    for name in formula.states:
        if state.get(name) is None:
            value = initial_value(rule, name, read)
            state[name] = number(value) if name in rule.scalars else filled(param, value)


def counted(rule: Rule, steps: float) -> Any:
    """Keep a number of steps as the rule does."""
    return int(steps) if rule.owner.step_type is int else number(float(steps))  # type: ignore[attr-defined]


def number(value: Any) -> Tensor:
    """Keep one number for a whole parameter: on the CPU, never narrower than float32."""
    if isinstance(value, Tensor):
        return value.to("cpu", number_dtype()).reshape(()).clone()
    return torch.tensor(value, dtype=number_dtype())


def number_dtype() -> torch.dtype:
    """Return the format of such numbers."""
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


def filled(param: Tensor, value: Any) -> Tensor:
    """Keep one number for each element, laid out as the parameter; both parts of a complex one get the value."""
    state = torch.zeros_like(param, memory_format=torch.preserve_format, requires_grad=False)
    if isinstance(value, Tensor):
        return state + (torch.complex(value, value) if param.is_complex() else value).to(state.dtype)
    if value:
        state.fill_(complex(value, value) if param.is_complex() else value)
    return state
