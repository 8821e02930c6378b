"""An optimizer under some options as a JavaScript object: how states start, the step, and what some rules have besides.

A rule that does some of its work only in some steps has a step for each phase. `training.js` steps with the object.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from textwrap import indent
from typing import Any

from ...formula.graph.expr import Expr, Symbol, as_expr, symbols
from ...formula.rule.observing import observing
from ...formula.rule.rule import Group, initial_value
from ...formula.tracing.option_symbols import NUMBER, symbolic
from ...formula.tracing.passes import hoist, program_of
from ...formula.tracing.program import Program
from ...formula.tracing.trace import Formula, evaluate, formula_of
from ..decisions.choice import Choice
from .render import called, render
from .text import RESERVED, Values, bare, block


def rule_object(phases: Mapping[str, Choice]) -> str:
    """Write the object, with a step for each phase; raises ValueError where there is none with the kernel's bits."""
    *_, usual = phases.values()
    parts = [_start(usual, phases.values()), *_steps(phases), *_besides(usual)]
    return "{\n" + ",\n".join(indent(_as_member(part), "  ") for part in parts) + "\n}"


def conditions(formula: Formula, moved: Container[str], optional: Container[str] = ()) -> str:
    """Write when options select a formula: what is `moved` may change, and what is `optional` may be no number."""
    structure = formula.structure.items()
    said = [f"self.{name}!==null" for name, shape in structure if shape is NUMBER and name in optional]
    said += [f"self.{name}==={json.dumps(shape)}" for name, shape in structure if name in moved and _is_choice(shape)]
    for condition, answer in formula.decisions:
        if all(symbol.scope == "parameter" or symbol.name in moved for symbol in symbols(condition)):
            said.append(f"{'' if answer else '!'}({expression(condition)})")
    return "&&".join(said) or "true"


def _is_choice(shape: Any) -> bool:
    return shape is None or isinstance(shape, bool | str)


def _steps(phases: Mapping[str, Choice]) -> Iterator[str]:
    """Write the steps; one that does the same as another to states of other names calls it, and tells it the names."""
    texts = {phase: render(choice.program, dict(choice.dtypes), phase) for phase, choice in phases.items()}
    touched = {phase: list(dict.fromkeys(re.findall(r"\btensors\.(\w+)", text))) for phase, text in texts.items()}
    common = set.intersection(*map(set, touched.values()))
    known: dict[str, tuple[str, list[str]]] = {}
    for phase, text in texts.items():
        own = [name for name in touched[phase] if name not in common]
        first, names = known.setdefault(_without_names(text, [phase, *own]), (phase, own))
        yield text if first == phase else _same_step(phase, first, dict(zip(names, own, strict=True)))


def _without_names(text: str, names: list[str]) -> str:
    """Put the places of names in their stead: texts that differ in names alone become equal."""
    places = {name: f"<{place}>" for place, name in enumerate(names)}
    return re.sub("|".join(rf"\b{re.escape(name)}\b" for name in names), lambda found: places[found[0]], text)


def _same_step(phase: str, first: str, names: Mapping[str, str]) -> str:
    """Write a step that is another one's, under whose names it has states of its own."""
    renamed = ", ".join(f"{there}: tensors.{here}" for there, here in names.items())
    call = f"this[{json.dumps(first)}](self, state, Object.assign({{}}, tensors, {{ {renamed} }}))"
    return f"{called(phase)}(self, state, tensors) {{\n{block(f'return {call}')}\n}}"


def _as_member(text: str) -> str:
    return text.removeprefix("function ")


def _besides(choice: Choice) -> Iterator[str]:
    """Write what some rules have: a second formula of what is seen, a point to judge at, numbers that are learned."""
    rule, owner = choice.program.formula.rule, choice.item.owner
    if hasattr(owner, "observe"):
        seen = formula_of(observing(rule), choice.item.options)
        yield render(program_of(seen), dict(choice.dtypes), "observe")
    if hasattr(owner, "average"):
        yield render(_average(choice), dict(choice.dtypes), "average")
    if owner.measures:
        yield _learn(choice)


def _average(choice: Choice) -> Program:
    """Take the formula of the point to judge at as a program that stores it in the parameter's place."""
    formula, owner = choice.program.formula, choice.item.owner
    _, *names = inspect.signature(owner.average).parameters
    point = owner.average(Group(owner, reader(choice)), *(Symbol(name, "element") for name in names))
    numbers, stores, _ = hoist({"param": as_expr(point)}, {})
    return Program(formula, numbers, {}, stores)


def _start(choice: Choice, phases: Iterable[Choice]) -> str:
    """Write what a parameter starts with, in all phases together, and what a group does."""
    rule, read = choice.program.formula.rule, reader(choice)
    used = {name for each in phases for name in each.program.formula.states}
    states = [name for name in rule.states if name in used]
    first = {name: initial_value(rule, name, read) for name in states if name not in rule.copies}
    state = {name: value for name, value in first.items() if name in rule.scalars}
    tensors = {name: value for name, value in first.items() if name not in rule.scalars}
    owner, options = choice.item.owner, _Symbols(read)
    has_norm = hasattr(owner, "start_from")
    learned = owner.start_from(options, Symbol("norm", "parameter")) if has_norm else owner.start(options)
    copies = [name for name in states if name in rule.copies]
    members = {"state": state, "tensors": tensors, "learned": learned}
    told = ", ".join([f"{name}: {_object(found)}" for name, found in members.items() if found])
    told += f"{', ' * bool(told)}copies: {copies}" if copies else ""
    return f"start(self, state) {{\n{block(f'return {{ {told} }}')}\n}}"


def _learn(choice: Choice) -> str:
    """Write how the numbers of a group follow from sums over all parameters."""
    owner = choice.item.owner
    sums = {name: Symbol(name, "parameter") for name in owner.measures}
    new = owner.learn(Group(owner, reader(choice)), **sums)
    nodes = {name: as_expr(value) for name, value in new.items()}
    values = Values("", nodes.values(), symbols={name: f"sums.{name}" for name in sums}, taken=RESERVED.copy())
    lines = [*values.lines()]
    told = ", ".join(f"{name}: {bare(values[node])}" for name, node in nodes.items())
    return f"learn(self, sums) {{\n{block(lines, f'return {{ {told} }}')}\n}}"


def _object(members: Mapping[str, Any]) -> str:
    """Write numbers by name, each in terms of the options."""
    return "{ " + ", ".join(f"{name}: {expression(value)}" for name, value in members.items()) + " }"


def expression(value: Any) -> str:
    """Write a number of the options in one expression."""
    node: Expr = as_expr(value)
    values = Values("", [node])
    for line in values.lines():
        raise ValueError(f"{line!r} stands where one expression is wanted")
    return bare(values[node])


def reader(choice: Choice) -> Callable[[str], Any]:
    """Give the options as symbols; a Python `if` is answered by their values."""
    options = choice.item.options

    def decide(number: Expr, kind: type = bool) -> Any:
        return kind(evaluate(number, options))

    return lambda name: symbolic(name, options[name], decide)


class _Symbols(dict[str, Any]):
    """The options as symbols, where they are asked for as a dict."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, name: str) -> Any:
        return self.read(name)
