"""Call `update` with symbols, and get its graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from torch import Tensor

from ..graph.alike import are_alike
from ..graph.expr import (
    Constant,
    Expr,
    MatrixFunction,
    Operation,
    Reduction,
    Scope,
    Symbol,
    apply,
    as_expr,
    as_number,
    symbols,
    walk,
)
from ..graph.mistakes import in_one_sentence
from ..graph.scopes import joined, scope_of
from ..rule.facts import FACTS, SHAPE
from ..rule.phases import PHASE, InPhase, checked_phase, coming, phase_in
from ..rule.rule import Group, Rule
from ..words.random import ELEMENT
from .local_names import local_names
from .option_symbols import shape_of, symbolic


@dataclass(eq=False)
class Formula:
    """The graph of one rule under one set of options, and what it took for granted."""

    rule: Rule
    outputs: dict[str, Expr]
    """The new parameter, the new states that are kept, and what is measured on the way, by name."""
    structure: dict[str, Any]
    """Each option that the formula read: its value, or NUMBER where it stays a symbol."""
    decisions: list[tuple[Expr, bool]] = field(default_factory=list)
    """Each Python `if` on the options or on what is known of the parameter, and how it was answered."""
    names: dict[Expr, str] = field(default_factory=dict)
    """What the text of `update` calls a node."""
    rebinds: bool = False
    """True if it says `x *= 2`, or the like, which would change a tensor in place."""
    idle: frozenset[str] = frozenset()
    """The states that it keeps for other phases."""

    def fits(self, options: Mapping[str, Any]) -> bool:
        """Tell if a group with these options has this very formula."""
        return all(self._read(options, name) == shape for name, shape in self.structure.items()) and all(
            bool(evaluate(condition, options)) == answer for condition, answer in self.decisions
        )

    def _read(self, options: Mapping[str, Any], name: str) -> Any:
        return phase_in(self.rule.owner, options) if name == PHASE else shape_of(options[name])

    @cached_property
    def has_lines(self) -> bool:
        """True if it speaks of rows or columns, or of products of matrices."""
        nodes = walk(*self.outputs.values())
        rule = self.rule
        kept = rule.rows | rule.columns | rule.factors
        return any(map(_is_of_lines, nodes)) or not kept.isdisjoint(self.states)

    @cached_property
    def multiplies(self) -> bool:
        """True if it speaks of products of matrices."""
        return any(map(_multiplies, walk(*self.outputs.values())))

    @cached_property
    def sees_matrices_alone(self) -> bool:
        """True if a stack of matrices is to it as many times one: it multiplies, and neither sums nor counts them."""
        is_apart = any(map(_is_apart, walk(*self.outputs.values())))
        return self.multiplies and not (is_apart or self.rebinds or self.rule.scalars & set(self.states))

    @cached_property
    def draws(self) -> bool:
        """True if it asks for noise: random numbers that depend on an element's place."""
        return any(symbol.name == ELEMENT.name for symbol in symbols(*self.outputs.values()))

    @cached_property
    def facts(self) -> frozenset[str]:
        """What was asked of the parameter."""
        asked = (symbol.name for condition, _ in self.decisions for symbol in symbols(condition))
        return frozenset(name for name in (*asked, *self.structure) if name in FACTS or name.startswith(SHAPE))

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

    @cached_property
    def counts(self) -> bool:
        """True if the formula reads the step count."""
        return any(symbol.name == "step_count" for symbol in symbols(*self.outputs.values()))


_traced: dict[Rule, list[Formula]] = {}
_alone: dict[Rule, list[Formula]] = {}
"""Formulas of single phases, without the states of the others."""


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
    keep_for_other_phases(new, options)
    known.append(new)
    return new


def keep_for_other_phases(formula: Formula, options: Mapping[str, Any]) -> None:
    """Add the states of other phases: a copy of the parameter that is made when it is needed would be a later one."""
    rule, phase = formula.rule, formula.structure.get(PHASE)
    if phase is None or formula.outputs.keys() >= {*rule.own_states}:
        return
    others = (_alone_in(other, rule, options) for other in coming(rule.owner, options) if other != phase)
    formula.idle = frozenset(name for other in others for name in other.states) - {*formula.states}
    # They come last: kernels of phases that differ in nothing else are one.
    formula.outputs |= {name: Symbol(name, rule.scope(name)) for name in rule.states if name in formula.idle}


def _alone_in(phase: str, rule: Rule, options: Mapping[str, Any]) -> Formula:
    """Find the formula of one phase, whatever the others keep."""
    known, there = _alone.setdefault(rule, []), InPhase(phase, options)
    found = next((formula for formula in known if formula.fits(there)), None)
    if found is None:
        known.append(found := trace(rule, there))
    return found


def trace(rule: Rule, options: Mapping[str, Any]) -> Formula:
    """Call the rule with symbols; options that are no numbers are decided here and now."""
    formula = Formula(rule, {}, {})
    asked, rebound = [options], Expr.rebound

    def decide(number: Expr, kind: type = bool) -> Any:
        answer = kind(evaluate(number, *asked))
        condition = number if kind is bool else apply("equal", number, answer)
        formula.decisions.append((condition, bool(answer) if kind is bool else True))
        return answer

    def read(name: str) -> Any:
        if name == PHASE:
            return formula.structure.setdefault(name, checked_phase(rule.owner, phase_in(rule.owner, options)))
        formula.structure[name] = shape_of(options[name])
        return symbolic(name, options[name], decide)

    facts = {name: Symbol(name, "parameter", None, decide) for name in FACTS}
    surveys = {name: Symbol(name, "group") for name in rule.owner.surveys}
    given = {"is_first_step": first_step(rule), ELEMENT.name: ELEMENT, **GIVEN, **surveys}
    group = Group(rule.owner, read, **given, **facts)
    inputs = {name: Symbol(name, rule.scope(name)) for name in arguments(rule)}
    with in_one_sentence(rule.owner, rule.text), local_names(rule.text, formula.names):
        outputs = rule(group, dict(inputs))
    outputs = {name: outputs[name] for name in sorted(outputs, key=[*inputs, *outputs].index)}
    outputs = {name: _output(rule, name, value) for name, value in outputs.items()}
    formula.outputs = living(outputs, inputs)
    formula.rebinds = Expr.rebound > rebound
    # A formula is kept for ever, and its symbols know who decides: not so the group, with its parameters.
    asked.clear()
    return formula


def _is_of_lines(node: Expr) -> bool:
    return (isinstance(node, Reduction) and bool(node.side)) or _multiplies(node)


def _multiplies(node: Expr) -> bool:
    """Tell if a node is of a parameter's rows and columns; `orthogonalize` sees dimensions of its own."""
    return isinstance(node, MatrixFunction) and node.how != "orthogonalize"


def _is_apart(node: Expr) -> bool:
    """Tell if a node sums a whole parameter, counts its dimensions as they are, or computes with its place.

    No two parameters share a place; those of a stack are told to what draws random numbers, and to nothing else.
    """
    if isinstance(node, MatrixFunction):
        return node.how == "orthogonalize"
    is_sum = isinstance(node, Reduction) and not node.varies
    return is_sum or any(isinstance(each, Symbol) and each.name == "param_index" for each in node.operands)


def _output(rule: Rule, name: str, value: Any) -> Expr:
    """Take what was returned under a name; a state that is one number is none for each element."""
    try:
        new: Expr = as_number(as_expr(value))
        found = scope_of(new)
    except TypeError as error:
        raise TypeError(f"{rule.owner.__name__}.update, what it returns for {name!r}: {error}") from None
    is_sum = name in (*rule.owner.measures, *rule.owner.surveys)
    wanted: Scope = "parameter" if is_sum else rule.scope(name)
    if is_sum and joined(found, wanted) != wanted:
        raise TypeError(
            f"{rule.owner.__name__} measures {name!r} for each {found}, but it is one number a parameter: take a "
            "total()"
        )
    if joined(found, wanted) != wanted:
        mark, word = WANTED.get(wanted, ("a Scalar", "total"))
        raise TypeError(
            f"{rule.owner.__name__}.update returned {name!r} for each {found}, but it is marked as {mark}, one "
            f"number a {wanted}: take a {word}(), or leave the mark out"
        )
    return new


WANTED = {
    "row": ("Rows", "row_mean"),
    "column": ("Columns", "column_mean"),
    "left": ("Left", "matmul"),
    "right": ("Right", "matmul"),
    "thin": ("Thin", "matmul"),
}
"""The mark of what is kept for fewer places than each element, and a word that makes it."""

GIVEN = {
    "step_count": Symbol("step_count", "parameter"),
    "param_index": Symbol("param_index", "parameter"),
    "grad_scale": Symbol("grad_scale", "group"),
    "grad_norm": Symbol("grad_norm", "group"),
}
"""The numbers of the step, which no option names."""


def arguments(rule: Rule) -> tuple[str, ...]:
    """Name everything that `update` is given per element or per parameter."""
    return ("param", "grad", *rule.states)


def first_step(rule: Rule) -> Expr:
    """The condition that a parameter is updated for the first time."""
    return Symbol("step_count", "parameter") <= 1


def living(outputs: dict[str, Expr], inputs: dict[str, Symbol]) -> dict[str, Expr]:
    """Leave out the states that are neither read nor changed: these options do not need them."""
    unchanged = {name for name, value in outputs.items() if value is inputs.get(name)}
    read = set(symbols(*(outputs[name] for name in outputs if name not in unchanged)))
    dead = {name for name in unchanged if inputs[name] not in read} - {"param"}
    return {name: value for name, value in outputs.items() if name not in dead}


@lru_cache(maxsize=4096)
def _nodes(expr: Expr) -> tuple[Expr, ...]:
    """Walk over a graph once: the same numbers are asked for at each step."""
    return tuple(walk(expr))


def evaluate(expr: Expr, options: Mapping[str, Any], **numbers: float) -> Any:
    """Compute a number of the formula in float64, from the options and the parameter's own numbers."""
    values: dict[Expr, Any] = {}
    for node in _nodes(expr):
        if isinstance(node, Constant):
            values[node] = node.value
        elif isinstance(node, Symbol):
            values[node] = numbers[node.name] if node.name in numbers else option(options, node)
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
