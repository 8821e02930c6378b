"""Call `update` with symbols, and get its graph."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from torch import Tensor

from . import around
from .alike import are_alike
from .expr import Constant, Expr, Operation, Symbol, as_expr, as_number, symbols, walk
from .mistakes import in_one_sentence
from .rule import Group, Rule

NUMBER = object()
"""Stands for any number where a formula's structure is compared."""


@dataclass(eq=False)
class Formula:
    """The graph of one rule under one set of options, and what it took for granted."""

    rule: Rule
    outputs: dict[str, Expr]
    """The new parameter, the new states that are kept, and what is measured on the way, by name."""
    structure: dict[str, Any]
    """Each option that the formula read: its value, or NUMBER where it stays a symbol."""
    decisions: list[tuple[Expr, bool]] = field(default_factory=list)
    """Each Python `if` on the options, and how it was answered."""
    names: dict[Expr, str] = field(default_factory=dict)
    """What the text of `update` calls a node."""
    rebinds: bool = False
    """True if it says `x *= 2`, or the like, which would change a tensor in place."""

    def fits(self, options: Mapping[str, Any]) -> bool:
        """Tell if a group with these options has this very formula."""
        return all(shape_of(options[name]) == shape for name, shape in self.structure.items()) and all(
            bool(evaluate(condition, options)) == answer for condition, answer in self.decisions
        )

    @property
    def states(self) -> list[str]:
        """The states that are kept: those that the formula reads or changes."""
        return [name for name in self.outputs if name in self.rule.states]

    @property
    def measured(self) -> list[str]:
        """What is measured on the way."""
        return [name for name in self.outputs if name not in ("param", *self.rule.states)]

    def changes(self, name: str) -> bool:
        """Tell if the parameter or a state gets a new value."""
        value = self.outputs[name]
        return not (isinstance(value, Symbol) and value.name == name)

    @property
    def keeps_anything(self) -> bool:
        """True if anything is remembered from step to step."""
        return self.rule.counts_steps or bool(self.states)

    @property
    def counts(self) -> bool:
        """True if the formula reads the step count."""
        return any(symbol.name == "step_count" for symbol in symbols(*self.outputs.values()))


_traced: dict[Rule, list[Formula]] = {}


def formula_of(rule: Rule, options: Mapping[str, Any]) -> Formula:
    """Find the formula that these options select, tracing it if it is new."""
    known = _traced.setdefault(rule, [])
    for formula in known:
        if formula.fits(options):
            return formula
    new = trace(rule, options)
    if not are_alike(new.outputs, trace(rule, options).outputs):
        name = rule.owner.__name__
        raise TypeError(
            f"{name}.update says something else each time it is called, but is called once and then run as it was: it "
            "may depend on its arguments and options alone, and not on random numbers, clocks or counters"
        )
    known.append(new)
    return new


def trace(rule: Rule, options: Mapping[str, Any]) -> Formula:
    """Call the rule with symbols; options that are no numbers are decided here and now."""
    formula = Formula(rule, {}, {})
    asked, rebound = [options], Expr.rebound

    def decide(condition: Expr) -> bool:
        answer = bool(evaluate(condition, *asked))
        formula.decisions.append((condition, answer))
        return answer

    def read(name: str) -> Any:
        formula.structure[name] = shape_of(options[name])
        return symbolic(name, options[name], decide)

    group = Group(rule.owner, read, is_first_step=first_step(rule), **GIVEN)
    inputs = {name: Symbol(name, "parameter" if name in rule.scalars else "element") for name in arguments(rule)}
    with in_one_sentence(rule.owner, rule.text), local_names(rule.text, formula.names):
        outputs = rule(group, dict(inputs))
    outputs = {name: outputs[name] for name in sorted(outputs, key=[*inputs, *outputs].index)}
    formula.outputs = living({name: _output(rule, name, value) for name, value in outputs.items()}, inputs)
    formula.rebinds = Expr.rebound > rebound
    # A formula is kept for ever, and its symbols know who decides: not so the group, with its parameters.
    asked.clear()
    return formula


def _output(rule: Rule, name: str, value: Any) -> Expr:
    """Take what was returned under a name; a state that is one number is none for each element."""
    new: Expr = as_number(as_expr(value))
    if name in rule.scalars and new.varies:
        raise TypeError(
            f"{rule.owner.__name__}.update returned {name!r} for each element, but it is marked as a Scalar, one "
            "number a parameter: take a total(), or leave the mark out"
        )
    return new


GIVEN = {
    "step_count": Symbol("step_count", "parameter"),
    "param_index": Symbol("param_index", "parameter"),
    "numel": Symbol("numel", "parameter"),
    "rows": Symbol("rows", "parameter"),
    "columns": Symbol("columns", "parameter"),
    "grad_scale": Symbol("grad_scale", "group"),
    "grad_norm": Symbol("grad_norm", "group"),
}
"""The numbers that no option names: of the step, and of the parameter."""


def arguments(rule: Rule) -> tuple[str, ...]:
    """Name everything that `update` is given per element or per parameter."""
    return ("param", "grad", *rule.states)


def first_step(rule: Rule) -> Expr:
    """The condition that a parameter is updated for the first time."""
    return Symbol("step_count", "parameter") <= 1


def symbolic(name: str, value: Any, decide: Callable[[Expr], bool]) -> Any:
    """Turn a number into a symbol, a tuple of numbers into a tuple of symbols; leave the rest."""
    if isinstance(value, tuple | list):
        return tuple(Symbol(name, "group", index, decide) for index in range(len(value)))
    return Symbol(name, "group", None, decide) if is_number(value) else value


def is_number(value: Any) -> bool:
    """Tell if an option's value is a number, which may change from step to step, and no choice."""
    return isinstance(value, int | float | Tensor) and not isinstance(value, bool)


def shape_of(value: Any) -> Any:
    """Return what of an option shapes the formula."""
    if isinstance(value, tuple | list):
        return tuple(shape_of(item) for item in value)
    return NUMBER if is_number(value) else value


def living(outputs: dict[str, Expr], inputs: dict[str, Symbol]) -> dict[str, Expr]:
    """Leave out the states that are neither read nor changed: these options do not need them."""
    unchanged = {name for name, value in outputs.items() if value is inputs.get(name)}
    read = set(symbols(*(outputs[name] for name in outputs if name not in unchanged)))
    dead = {name for name in unchanged if inputs[name] not in read} - {"param"}
    return {name: value for name, value in outputs.items() if name not in dead}


def evaluate(expr: Expr, options: Mapping[str, Any], **numbers: float) -> Any:
    """Compute a number of the formula in float64, from the options and the parameter's own numbers."""
    values: dict[Expr, Any] = {}
    for node in walk(expr):
        if isinstance(node, Constant):
            values[node] = node.value
        elif isinstance(node, Symbol):
            values[node] = numbers[node.name] if node.scope != "group" else option(options, node)
        elif isinstance(node, Operation):
            values[node] = node.op.host(*(values[operand] for operand in node.operands))
    return values[expr]


def option(options: Mapping[str, Any], symbol: Symbol) -> float:
    """Read the number that a symbol stands for."""
    value = options[symbol.name]
    return as_float(value if symbol.index is None else value[symbol.index])


def as_float(value: Any) -> float:
    """Read a number that may be a one-element tensor."""
    return float(value.detach() if isinstance(value, Tensor) else value)


@contextmanager
def local_names(function: Callable[..., Any], names: dict[Expr, str]) -> Iterator[None]:
    """Note what a function, and what is around it, call the nodes in their local variables, as they return."""
    if sys.getprofile() is not None:
        # A profiler is at work, and cannot always be put back: names are not worth its numbers.
        yield
        return
    code = function.__code__

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and (frame.f_code is code or frame.f_code.co_filename == around.__file__):
            found = {value: name for name, value in frame.f_locals.items() if isinstance(value, Expr)}
            # The formula's own frame returns first, and its names stay.
            names.update(found | names)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
