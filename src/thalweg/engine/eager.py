"""The reference: the formula itself, on torch's tensors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..formula.number import Number
from ..formula.rule import Group
from ..formula.trace import Formula, formula_of, is_number
from ..state.formats import load, store
from ..state.initial import complete
from .gradients import Ready


def step(optimizer: Any, ready: list[Ready]) -> None:
    """Update the parameters one by one."""
    # Every formula is found before the first parameter changes: one that cannot be traced changes nothing.
    formulas = [formula_of(optimizer.rule, item.group) for item in ready]
    for item, formula in zip(ready, formulas, strict=True):
        with torch.set_grad_enabled(bool(item.group["differentiable"])):
            update(formula, item, optimizer.state[item.param] if formula.keeps_anything else {})


def update(formula: Formula, item: Ready, state: dict[str, Any]) -> None:
    """Update one parameter and its states: all is computed before anything is written."""
    rule, states = formula.rule, formula.states
    is_first_step = any(state.get(name) is None for name in states)
    complete(state, formula, item.param, item.group)
    count = _count(state, is_first_step)
    group = Group(rule.owner, _options(item.group), step_count=Number(count), is_first_step=count <= 1)
    inputs = (_value(state[name], name in rule.scalars) if name in states else None for name in rule.states)
    outputs = rule(group, load(item.param.detach()), load(item.grad), *inputs)
    _keep(state, outputs, states, rule.scalars)
    if "step" in state:
        state["step"] += 1
    store(item.param.detach(), outputs["param"])


def _count(state: dict[str, Any], is_first_step: bool) -> float:
    """Count this step; a rule without a count still knows its first step, by the states it lacked."""
    if "step" not in state:
        return 1.0 if is_first_step else 2.0
    return float(state["step"]) + 1.0


def _options(group: Mapping[str, Any]) -> Any:
    return lambda name: _plain(group[name])


def _plain(value: Any) -> Any:
    """Turn what is a number, or a tensor of one, into a Number; leave everything else."""
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return Number(value) if is_number(value) else value


def _value(state: Tensor, is_scalar: bool) -> Any:
    return Number(state) if is_scalar else load(state)


def _keep(state: dict[str, Any], outputs: dict[str, Any], states: list[str], scalars: frozenset[str]) -> None:
    for name in states:
        if name in scalars:
            state[name].fill_(outputs[name])
        else:
            store(state[name], outputs[name])
