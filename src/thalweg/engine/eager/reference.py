"""The reference: the formula itself, on torch's tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...formula.number import Number
from ...formula.random import Draws, word_key
from ...formula.rule import Group
from ...formula.spectra import failures
from ...formula.trace import Formula, evaluate, formula_of
from ...state.convert import in_line
from ...state.formats import Format
from ...state.initial import complete, is_fresh
from ...state.keeping import formats
from ...state.layout import whole, why_not_by_torch
from ..commit import Change, commit, entries
from ..decisions.choice import state_fault
from ..decisions.gradients import Ready, refuse
from ..decisions.reasons import has_memory
from ..decisions.residues import drop, residues
from ..decisions.residues import note as belonging
from ..decisions.rules import measuring_rule_for, rule_for
from .access import InGraph, InPlace, Touched
from .calculation import Later, calculation_of
from .rebinding import plain, rebinding
from .stacks import stacked, together, unstacked

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
    formulas = [formula_of(rule_for(optimizer, item.group), item.options) for item in items]
    updates = [_begun(optimizer, item, formula) for item, formula in zip(items, formulas, strict=True)]
    failed = failures.count
    for alike in together(updates):
        evaluate_all(alike)
    optimizer._metrics.undecomposed += failures.count - failed
    return updates


def _begun(optimizer: Any, item: Ready, formula: Formula) -> Update:
    held = optimizer.state.get(item.param, {})
    refuse(optimizer, item, why_not_by_torch(item.param) or state_fault(formula, item, held))
    drop(optimizer, residues([(item.param, held)]))
    with torch.set_grad_enabled(bool(item.group["differentiable"])):
        return Update(formula, item, in_line(formula.rule, held, item.param, item.group), optimizer._step_numbers)


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


def grad_square(optimizer: Any, item: Ready) -> Any:
    """Sum the squares of a gradient, as it will be used."""
    formula = formula_of(measuring_rule_for(optimizer, item.group), item.options)
    update = _begun(optimizer, item, formula)
    evaluate_all([update])
    return whole(update.outputs["grad_square"])


def evaluate_all(updates: Sequence[Update]) -> None:
    """Call a formula for one parameter, or once for several that are alike, as a stack of matrices."""
    first = updates[0]
    with torch.set_grad_enabled(bool(first.item.group["differentiable"])):
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


class Update:
    """One step of one parameter: all is computed, and nothing is written before the changes are made."""

    def __init__(self, formula: Formula, item: Ready, state: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self.formula, self.item, self.param, self.given = formula, item, item.param, given
        self.access = access_to(formula, item)
        self.read = self.access.reader(item.options)
        self.kept: dict[str, Format] = dict(formats(formula.rule, formula.states, self.param, item.group, state))
        self.full = dict(state)
        """What will be kept of the parameter."""
        complete(self.full, formula, self.param, self.kept, self.read)
        self.count = self._count(state)
        self.outputs: dict[str, Any] = {}
        self.changes: list[Change] = []

    def _count(self, before: Mapping[str, Any]) -> float:
        """Count this step; a rule without a count still knows its first step, by the states it lacks."""
        if self.formula.rule.counts_steps:
            return float(self.full["step"]) + 1.0
        return 1.0 if is_fresh(before, self.formula) else 2.0

    def values(self) -> dict[str, Any]:
        """Give what the formula is called with, as it sees it."""
        values = self._seen(self._values())
        return {name: rebinding(value) for name, value in values.items()} if self.formula.rebinds else values

    def take(self, results: Mapping[str, Any]) -> None:
        """Take what the formula has made, and find out what there is to write."""
        written = [self.param, *(value for value in self.full.values() if isinstance(value, Tensor))]
        outputs = self._as_kept({name: plain(value) for name, value in results.items()})
        # What stays as it is needs no copy of its own: nothing is written there.
        self.outputs = {
            name: self._apart(value, written) if self._is_new(name) else value for name, value in outputs.items()
        }
        self.changes = list(self._changes())

    def in_place(self, values: Mapping[str, Any]) -> set[str]:
        """Name what is computed with where it is kept, and as it is kept."""
        return {
            name
            for name, form in self.kept.items()
            if form.is_plain and _is_the_same(values[name], self._parts(name)[0]) and name not in self.formula.measured
        }

    def _apart(self, value: Any, written: Sequence[Tensor]) -> Any:
        """Have a result that does not change while others are written."""
        if not isinstance(value, Later):
            return self.access.apart(value, written)
        return value if all(self.access.apart(each, written) is each for each in value.factors) else value.new()

    def _is_new(self, name: str) -> bool:
        return name in self.formula.outputs and self.formula.changes(name)

    def _changes(self) -> Iterator[Change]:
        """Yield what writes the new values; the places of new tensors are taken at once."""
        formula, places = self.formula, count()
        yield partial(torch._C._set_grad_enabled, bool(self.item.group["differentiable"]))
        for name in formula.outputs:
            if name in formula.rule.scalars:
                yield from self._write_number(name, self.outputs[name])
            elif name in self.kept and formula.changes(name):
                # As kernels do: what is plainly kept has no place among the draws.
                yield from self._write(name, self.outputs[name], 0 if self.kept[name].is_plain else next(places))
        if formula.rule.counts_steps:
            yield from self._count_step()

    def group(self, numbers: Mapping[str, Any]) -> Group:
        """Give what the formula calls `self`."""
        return Group(self.formula.rule.owner, self.read, is_first_step=self.count <= 1, **numbers)

    def numbers(self) -> dict[str, Any]:
        """Give the numbers of the parameter and of the step."""
        given = {name: self.access.number(value) for name, value in self.given.items()}
        own = self.item.numbers | {"step_count": self.count}
        return {name: Number(value) for name, value in own.items()} | given

    def _values(self) -> dict[str, Any]:
        """Read everything; a state that these options do not need is None."""
        rule = self.formula.rule
        values: dict[str, Any] = dict.fromkeys(rule.states)
        for name in self.formula.states:
            if name in rule.scalars:
                values[name] = self.access.number(self.full[name])
        for name, form in self.kept.items():
            values[name] = self.access.read(form, self._parts(name), self.param)
        return {"param": values.pop("param"), "grad": self.access.grad, **values}

    def _seen(self, values: dict[str, Any]) -> dict[str, Any]:
        """Let a formula that speaks of rows and columns see them as the last two dimensions."""
        if not self.formula.has_lines:
            return values
        sides: Any = self.item.options.sides
        rule = self.formula.rule
        others = rule.factors | rule.scalars
        return {
            name: sides.as_matrices(x) if isinstance(x, Tensor) and name not in others else x
            for name, x in values.items()
        }

    def _as_kept(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Give what a formula has returned the shapes in which it is kept."""
        if not self.formula.has_lines:
            return outputs
        sides: Any = self.item.options.sides
        factors = self.formula.rule.factors
        kept = {name: self._shape(name) for name in self.kept if name in outputs and name not in factors}
        return outputs | {
            name: sides.as_tensor(sides.spread(outputs[name], shape), shape)
            for name, shape in kept.items()
            if isinstance(outputs[name], Tensor)
        }

    def _shape(self, name: str) -> torch.Size:
        """Give the shape of a quantity: that of an element's is the parameter's, however its codes are packed."""
        return self.param.shape if self.kept[name].scope == "element" else self._parts(name)[0].shape

    def _parts(self, name: str) -> list[Tensor]:
        names = (part.of(name) for part in self.kept[name].parts)
        return [self.param if part == "param" else self.full[part] for part in names]

    def _write(self, name: str, value: Any, place: int) -> Iterator[Change]:
        if isinstance(value, Later):
            yield partial(value.into, self._parts(name)[0].detach())
            return
        names = list(self.kept[name].symbols(name))
        # Only what is rounded at random draws.
        written, changes = self.access.write(
            self.kept[name], self._parts(name), value, self.param, lambda count: self._draws().bits(place, count)
        )
        self.full.update({part: new for part, new in zip(names, written, strict=True) if part != "param"})
        yield from changes

    def _write_number(self, name: str, value: Any) -> Iterator[Change]:
        self.full[name], changes = self.access.write_number(self.full[name], value)
        yield from changes

    def _count_step(self) -> Iterator[Change]:
        """Count a tensor where it is, and an int anew."""
        if isinstance(self.full["step"], Tensor):
            yield partial(self.full["step"].detach().add_, 1)
        else:
            self.full["step"] += 1

    def _draws(self) -> Draws:
        return Draws(self.access.places(self.param), self._key)

    def _key(self) -> int:
        return int(evaluate(word_key(), self.item.group, step_count=self.count, **self.item.numbers))


def _is_the_same(value: Any, part: Tensor) -> bool:
    """Tell if two tensors are one piece of memory, seen in one way."""
    return (
        isinstance(value, Tensor)
        and (value.dtype, value.shape, value.stride()) == (part.dtype, part.shape, part.stride())
        and value.data_ptr() == part.data_ptr()
    )


def access_to(formula: Formula, item: Ready) -> InPlace:
    """Choose how the tensors are read and written."""
    if item.group["differentiable"]:
        return InGraph(item.grad, item.param)
    if item.grad.is_sparse and formula.rule.owner.touches_only_gradients(item.group):
        return Touched(item.grad, item.param)
    return InPlace(item.grad, item.param)
