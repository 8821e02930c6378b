"""The reference: the formula itself, on torch's tensors."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import torch
from torch import Tensor

from ..formula.number import Number
from ..formula.random import Draws, word_key
from ..formula.rule import Group
from ..formula.trace import Formula, evaluate, formula_of
from ..state.formats import Format
from ..state.initial import complete
from ..state.keeping import formats
from ..state.layout import whole
from .access import InGraph, InPlace, Touched
from .gradients import Ready
from .rules import measuring_rule_for, rule_for


def step(optimizer: Any, ready: list[Ready]) -> None:
    """Update the parameters one by one."""
    # Every formula is found before the first parameter changes: one that cannot be traced changes nothing.
    formulas = [formula_of(rule_for(optimizer, item.group), item.group) for item in ready]
    for item, formula in zip(ready, formulas, strict=True):
        with torch.set_grad_enabled(bool(item.group["differentiable"])):
            # A parameter for which nothing is kept gets no entry.
            state = optimizer.state.get(item.param, {})
            for name, value in Update(formula, item, state, optimizer._step_numbers).run().items():
                optimizer._metrics.add(name, value)
            if state and item.param not in optimizer.state:
                optimizer.state[item.param] = state


def grad_square(optimizer: Any, item: Ready) -> Any:
    """Sum the squares of a gradient, as it will be used."""
    formula = formula_of(measuring_rule_for(optimizer, item.group), item.group)
    state = dict(optimizer.state.get(item.param, {}))
    return Update(formula, item, state, optimizer._step_numbers).run()["grad_square"]


class Update:
    """One step of one parameter: all is computed before anything is written."""

    def __init__(self, formula: Formula, item: Ready, state: dict[str, Any], given: Mapping[str, Any]) -> None:
        self.formula, self.item, self.param, self.state, self.given = formula, item, item.param, state, given
        self.access = access_to(formula, item)
        self.read = self.access.reader(item.group)
        self.count = _count(state, formula)
        self.full = dict(state)
        self.kept: dict[str, Format] = dict(formats(formula.rule, formula.states, self.param, item.group, state))

    def run(self) -> dict[str, Any]:
        """Take the step; return what was measured on the way."""
        formula, scalars = self.formula, self.formula.rule.scalars
        complete(self.full, formula, self.param, self.kept, self.read)
        outputs = formula.rule(self._group(), self._values())
        places = count()
        for name in formula.outputs:
            if name in scalars:
                self.full[name] = self.access.write_number(self.full[name], outputs[name])
            elif name in self.kept and formula.changes(name):
                # As kernels do: what is plainly kept has no place among the draws.
                self._write(name, outputs[name], 0 if self.kept[name].is_plain else next(places))
        if formula.rule.counts_steps and formula.changes("param"):
            self.full["step"] += 1
        _note(self.state, self.full)
        return {name: whole(outputs[name]) for name in formula.measured}

    def _group(self) -> Group:
        given = {name: self.access.number(value) for name, value in self.given.items()}
        numbers = {name: Number(value) for name, value in (self.item.numbers | {"step_count": self.count}).items()}
        return Group(self.formula.rule.owner, self.read, is_first_step=self.count <= 1, **numbers, **given)

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

    def _parts(self, name: str) -> list[Tensor]:
        tensors = self.full | {"param": self.param}
        return [tensors[part] for part in self.kept[name].symbols(name)]

    def _write(self, name: str, value: Any, place: int) -> None:
        names = list(self.kept[name].symbols(name))
        # Only what is rounded at random draws.
        written = self.access.write(
            self.kept[name], self._parts(name), value, self.param, lambda count: self._draws().bits(place, count)
        )
        self.full.update({part: new for part, new in zip(names, written, strict=True) if part != "param"})

    def _draws(self) -> Draws:
        return Draws(self.access.places(self.param), self._key)

    def _key(self) -> int:
        return int(evaluate(word_key(), self.item.group, step_count=self.count, **self.item.numbers))


def access_to(formula: Formula, item: Ready) -> InPlace:
    """Choose how the tensors are read and written."""
    if item.group["differentiable"]:
        return InGraph(item.grad)
    if item.grad.is_sparse and formula.rule.owner.touches_only_gradients(item.group):
        return Touched(item.grad)
    return InPlace(item.grad)


def _count(state: Mapping[str, Any], formula: Formula) -> float:
    """Count this step; a rule without a count still knows its first step, by the states it lacks."""
    if formula.rule.counts_steps:
        return float(state.get("step", 0)) + 1.0
    return 1.0 if any(state.get(name) is None for name in formula.states) else 2.0


def _note(state: dict[str, Any], full: dict[str, Any]) -> None:
    """Put in what is new, and leave alone what was written in place: a changed state has its plan made anew."""
    for name, value in full.items():
        if state.get(name) is not value:
            state[name] = value
