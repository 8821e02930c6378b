"""The reference: the formula itself, on torch's tensors."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...formula.matrices.spectra import failures
from ...formula.matrices.unrounded import unrounded
from ...formula.tracing.trace import Formula, formula_of
from ...state.formats.convert import in_line
from ...state.layout import whole, why_not_by_torch
from ..commit import commit, entries
from ..decisions.choice import state_fault
from ..decisions.gradients import Ready, refuse
from ..decisions.likeness import likeness
from ..decisions.reasons import has_memory
from ..decisions.residues import drop, residues
from ..decisions.residues import note as belonging
from ..decisions.rules import measuring_rule_for, rule_for
from .calculation import calculation_of
from .stacks import stacked, together, unstacked
from .update import Update

Told: TypeAlias = tuple[Sequence[Tensor], Sequence[Tensor]]
"""Parameters, and for each sum that was taken a column of numbers, one for each of them."""


def step(optimizer: Any, items: Sequence[Ready]) -> tuple[int, list[Told]]:
    """Update parameters; return how often states were put in, and what was measured of each parameter."""
    updates = computed(optimizer, items)
    puts_in = entries(optimizer, states(updates))
    commit([*(change for update in updates for change in update.changes), *puts_in], needs_python=True)
    note(optimizer, updates)
    return int(bool(puts_in)), told(updates) if optimizer._sharing else []


def computed(optimizer: Any, items: Sequence[Ready]) -> list[Update]:
    """Compute what a step makes of parameters, and write nothing."""
    # Every formula is found first: what cannot be traced costs no computing.
    formulas = formulas_of(optimizer, items)
    seen: dict[Hashable, Update] = {}
    updates = [_begun(optimizer, item, formula, seen) for item, formula in zip(items, formulas, strict=True)]
    failed = failures.count
    for alike in together(updates):
        evaluate_all(alike)
    optimizer._metrics.undecomposed += failures.count - failed
    return updates


def check(optimizer: Any, items: Sequence[Ready]) -> None:
    """Raise RuntimeError for what cannot be computed of parameters that are updated only after others are written."""
    for item, formula in zip(items, formulas_of(optimizer, items), strict=True):
        held = optimizer.state.get(item.param, {})
        refuse(optimizer, item, why_not_by_torch(item.param) or state_fault(formula, item, held))


def formulas_of(optimizer: Any, items: Sequence[Ready]) -> list[Formula]:
    """Find the formula of each parameter; those of a group that are alike in all that is asked of them have one."""
    alike = [(id(item.group), *item.options.items()) for item in items]
    found = {
        key: formula_of(rule_for(optimizer, item.group), item.options)
        for key, item in dict(zip(alike, items, strict=True)).items()
    }
    return [found[key] for key in alike]


def _begun(optimizer: Any, item: Ready, formula: Formula, seen: dict[Hashable, Update]) -> Update:
    """Begin with a parameter; of those that are alike, one is examined."""
    held = optimizer.state.get(item.param, {})
    kind = formula, likeness(item, held)
    like = seen.get(kind)
    refuse(optimizer, item, why_not_by_torch(item.param) or (None if like else state_fault(formula, item, held)))
    drop(optimizer, residues([(item.param, held)]))
    state = in_line(formula.rule, held, item.param, item.group)
    with torch.set_grad_enabled(bool(item.group["differentiable"])):
        update = seen[kind] = Update(formula, item, state, optimizer._step_numbers, like)
    return update


def states(updates: Sequence[Update]) -> Iterator[tuple[Tensor, Mapping[str, Any]]]:
    """Give what will be kept of each parameter; one for which nothing is kept gets no entry."""
    return ((update.param, update.full) for update in updates if update.full)


def told(updates: Sequence[Update]) -> list[Told]:
    """Give what was measured of each parameter, as columns of one row."""
    return [([each.param], [_as_column(each, name) for name in each.formula.measured]) for each in updates]


def _as_column(update: Update, name: str) -> Tensor:
    return torch.as_tensor(update.outputs[name], device=update.param.device).double().reshape(1)


def note(optimizer: Any, updates: Sequence[Update]) -> None:
    """Take note of what was measured on the way, and that parameters are what they are now."""
    belonging(optimizer, residues((update.param, update.full) for update in updates))
    for update in updates:
        for name in update.formula.measured:
            optimizer._metrics.add(name, whole(update.outputs[name]), update.param)


def looked_at(optimizer: Any, item: Ready) -> dict[str, Any]:
    """Sum the squares of a gradient, as it will be used, and take what else is wanted before a step, by name."""
    formula = formula_of(measuring_rule_for(optimizer, item.group), item.options)
    update = _begun(optimizer, item, formula, {})
    evaluate_all([update])
    return {name: whole(update.outputs[name]) for name in formula.measured}


def evaluate_all(updates: Sequence[Update]) -> None:
    """Call a formula for one parameter, or once for several that are alike, as a stack of matrices."""
    first = updates[0]
    with unrounded(), torch.set_grad_enabled(bool(first.item.group["differentiable"])):
        values = [update.values() for update in updates]
        if len(updates) == 1:
            first.take(_made(first, values[0], first.numbers(), is_alone=True))
            return
        places = {"param_index": tuple(float(update.item.index) for update in updates)}
        outputs = _made(first, stacked(values), first.numbers() | places)
        for update, own in zip(updates, unstacked(outputs, len(updates)), strict=True):
            update.take(own)


def _made(update: Update, values: dict[str, Any], numbers: dict[str, Any], is_alone: bool = False) -> Mapping[str, Any]:
    """Call a formula, or calculate its graph, where that is the same in fewer calls.

    Where there are no elements, there are no matrices to speak of, and all stays as it is.
    """
    if update.formula.multiplies and not update.param.numel():
        return {name: values.get(name, 0.0) for name in update.formula.outputs}
    tensors = [value for value in values.values() if isinstance(value, Tensor)]
    is_plain = all(map(has_memory, tensors)) and not (update.formula.rebinds or update.item.group["differentiable"])
    calculation = calculation_of(update.formula) if is_plain else None
    if calculation is None:
        return update.formula.rule(update.group(numbers), values)
    return calculation(values, update.item.options, numbers, update.in_place(values) if is_alone else ())
