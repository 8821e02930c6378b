"""One step of one parameter by the formula itself: what is read, computed, kept and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor

from ...formula.graph.number import Number
from ...formula.rule.rule import Group
from ...formula.tracing.trace import Formula, evaluate
from ...formula.words.random import ELEMENT, Draws, word_key
from ...state.formats.format import Format
from ...state.formats.keeping import formats
from ...state.initial import complete, is_fresh
from ..commit import Change
from ..decisions.counts import lies_elsewhere
from ..decisions.gradients import Ready
from .access import InGraph, InPlace, Touched
from .later import Again, Later
from .rebinding import plain, rebinding


class Update:
    """One step of one parameter: all is computed, and nothing is written before the changes are made."""

    def __init__(
        self,
        formula: Formula,
        item: Ready,
        state: Mapping[str, Any],
        given: Mapping[str, Any],
        like: Update | None = None,
    ) -> None:
        self.formula, self.item, self.param, self.given = formula, item, item.param, given
        self.access = access_to(formula, item)
        self.read = self.access.reader(item.options)
        found = like.kept if like else formats(formula.rule, formula.states, self.param, item.group, state)
        self.kept: dict[str, Format] = dict(found)
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
        stays = {id(part) for name in self.kept if not self._is_new(name) for part in self._parts(name)}
        tensors = [self.param, *(value for value in self.full.values() if isinstance(value, Tensor))]
        written = [tensor for tensor in tensors if id(tensor) not in stays]
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
        if not isinstance(value, Later | Again):
            return self.access.apart(value, written)
        return value if all(self.access.apart(each, written) is each for each in value.read) else value.new()

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
        given = dict(numbers, is_first_step=self.count <= 1)
        if self.formula.draws:
            given |= self._seen({ELEMENT.name: self._places()})
        return Group(self.formula.rule.owner, self.read, **given)

    def numbers(self) -> dict[str, Any]:
        """Give the numbers of the parameter and of the step."""
        given = {name: self._of_the_step(value) for name, value in self.given.items()}
        own = self.item.numbers | {"step_count": self.count}
        return {name: Number(value) for name, value in own.items()} | given

    def _of_the_step(self, value: Any) -> Any:
        """Read a number that parameters share; one that their own device has taken stays there, and nobody waits."""
        is_there = isinstance(value, Tensor) and lies_elsewhere(value) and value.device == self.param.device
        return value.double().reshape(()) if is_there else self.access.number(value)

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
        if isinstance(value, Later | Again):
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

    def _places(self) -> Tensor:
        """Number what a formula calls elements: of complex numbers, each part."""
        places = self.access.places(self.param)
        return torch.stack([2 * places, 2 * places + 1], -1) if self.param.is_complex() else places

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
