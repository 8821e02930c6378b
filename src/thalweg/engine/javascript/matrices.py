"""A formula of whole matrices as JavaScript, in float64: it is the same formula, but not the same bits.

Which bits products, eigenvectors and Newton and Schulz's iteration have depends on who computes them, and in what
order; `matrices.js` does it for small matrices, plainly.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from textwrap import indent

from ...formula.graph.expr import Constant, Expr, MatrixFunction, Operation, Reduction, Symbol, walk
from ...formula.graph.ops import ROWS
from ...formula.rule.rule import initial_value
from ...formula.tracing.trace import Formula
from ..decisions.choice import Choice
from .render import called
from .rule import expression, reader
from .text import LONGEST, RESERVED, block, free, literal, name_of

SEVERAL = ("nearer_basis",)
"""The functions that have more than one result."""


def operations() -> str:
    """Write the table's operations for each element of matrices."""
    rows = (f"  {row.name}: (a, b, c) => {row.javascript.format('a', 'b', 'c', round='')}" for row in ROWS)
    return "Object.assign(each, eachWith({\n" + ",\n".join(rows) + "\n}))"


def matrix_rule(phases: Mapping[str, Choice]) -> str:
    """Write the object of a rule: how states start, and a step for each phase of its work; those without have one."""
    *_, usual = phases.values()
    steps = (_step(phase, choice.program.formula) for phase, choice in phases.items())
    return "{\n" + ",\n".join(indent(part, "  ") for part in ["isForMatrices: true", _start(usual), *steps]) + "\n}"


def _start(choice: Choice) -> str:
    """Write where each state has numbers, and the first one."""
    rule, read = choice.program.formula.rule, reader(choice)
    first = {name: initial_value(rule, name, read) for name in choice.program.formula.states if name not in rule.copies}
    numbers = ", ".join(f"{name}: {expression(value)}" for name, value in first.items() if name in rule.scalars)
    tensors = ", ".join(
        f"{name}: [{json.dumps(rule.scope(name))}, {expression(value)}]"
        for name, value in first.items()
        if name not in rule.scalars
    )
    copies = [name for name in choice.program.formula.states if name in rule.copies]
    told = f"return {{ state: {{ {numbers} }}, tensors: {{ {tensors} }}, copies: {copies} }}"
    return f"start(self, state) {{\n{block(told)}\n}}"


def _step(phase: str, formula: Formula) -> str:
    """Write what a phase does: a line for each node, operands before what uses them."""
    taken, texts = RESERVED | {"each", "matrices"}, dict[Expr, str]()
    lines = [*_lines(formula, texts, taken)]
    new = ", ".join(f"{name}: {texts[value]}" for name, value in formula.outputs.items())
    return (
        f"{called(phase)}(self, state, tensors) {{\n{block('state.step_count += 1', lines, f'return {{ {new} }}')}\n}}"
    )


def _lines(formula: Formula, texts: dict[Expr, str], taken: set[str]) -> Iterator[str]:
    uses = Counter(operand for node in walk(*formula.outputs.values()) for operand in node.operands)
    for node in walk(*formula.outputs.values()):
        if isinstance(node, Constant):
            texts[node] = literal(node.value)
        elif isinstance(node, Symbol):
            is_tensor = node.scope not in ("parameter", "group")
            texts[node] = f"tensors.{node.name}" if is_tensor else name_of(node)
        else:
            text = _call(node, [texts[operand] for operand in node.operands])
            if uses[node] == 1 and node not in formula.names and len(text) <= LONGEST:
                texts[node] = text
            else:
                texts[node] = free(formula.names.get(node, "x"), taken)
                yield f"const {texts[node]} = {text}"


def _call(node: Expr, operands: list[str]) -> str:
    """Write one operation on numbers, or on all elements, or one function of whole matrices."""
    if isinstance(node, Operation) and not node.varies:
        return node.op.javascript.format(*operands, round="")
    if isinstance(node, Operation):
        return f"each.{node.op.name}({', '.join(operands)})"
    assert isinstance(node, Reduction | MatrixFunction)
    result = f"[{node.result}]" if isinstance(node, MatrixFunction) and node.how in SEVERAL else ""
    return f"matrices.{node.how}({', '.join(operands)}){result}"
