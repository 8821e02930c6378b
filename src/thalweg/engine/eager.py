"""The reference: the formula itself, on torch's tensors."""

from typing import Any

import torch
from torch import Tensor

from ..formula.number import Number
from ..formula.rule import Group
from ..formula.trace import Formula, formula_of
from ..state.initial import complete
from .access import InGraph, InPlace, Touched
from .gradients import Ready
from .scaling import rule_for


def step(optimizer: Any, ready: list[Ready]) -> None:
    """Update the parameters one by one."""
    # Every formula is found before the first parameter changes: one that cannot be traced changes nothing.
    formulas = [formula_of(rule_for(optimizer), item.group) for item in ready]
    for item, formula in zip(ready, formulas, strict=True):
        with torch.set_grad_enabled(bool(item.group["differentiable"])):
            state = optimizer.state[item.param] if formula.keeps_anything else {}
            update(formula, item, state, optimizer._step_numbers)


def update(formula: Formula, item: Ready, state: dict[str, Any], step_numbers: dict[str, Any]) -> None:
    """Update one parameter and its states: all is computed before anything is written."""
    rule, access = formula.rule, access_to(formula, item)
    full, count = dict(state), _count(state, formula)
    read = access.reader(item.group)
    complete(full, formula, item.param, read)
    group = Group(
        rule.owner,
        read,
        step_count=Number(count),
        is_first_step=count <= 1,
        **{name: access.number(value) for name, value in step_numbers.items()},
    )
    states = (
        _read(access, full[name], name in rule.scalars) if name in formula.states else None for name in rule.states
    )
    outputs = rule(group, access.read(item.param), access.grad, *states)
    _write(access, full, outputs, formula)
    _note(state, full)
    access.write_param(item.param, outputs["param"])


def access_to(formula: Formula, item: Ready) -> InPlace:
    """Choose how the tensors are read and written."""
    if item.group["differentiable"]:
        return InGraph(item.grad)
    if item.grad.is_sparse and formula.rule.owner.touches_only_gradients(item.group):  # type: ignore[attr-defined]
        return Touched(item.grad)
    return InPlace(item.grad)


def _count(state: dict[str, Any], formula: Formula) -> float:
    """Count this step; a rule without a count still knows its first step, by the states it lacks."""
    if formula.rule.counts_steps:
        return float(state.get("step", 0)) + 1.0
    return 1.0 if any(state.get(name) is None for name in formula.states) else 2.0


def _write(access: InPlace, full: dict[str, Any], outputs: dict[str, Any], formula: Formula) -> None:
    for name in formula.states:
        write = access.write_number if name in formula.rule.scalars else access.write
        full[name] = write(full[name], outputs[name])
    if formula.rule.counts_steps:
        full["step"] += 1


def _note(state: dict[str, Any], full: dict[str, Any]) -> None:
    """Put in what is new, and leave alone what was written in place: a changed state has its plan made anew."""
    for name, value in full.items():
        if state.get(name) is not value:
            state[name] = value


def _read(access: InPlace, state: Tensor, is_number: bool) -> Any:
    return access.number(state) if is_number else access.read(state)
