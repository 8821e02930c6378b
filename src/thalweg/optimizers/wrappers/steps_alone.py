"""Whether a rule's step is the gradient's matter alone: then a parameter at zero may be stepped in another's place."""

from __future__ import annotations

from ...formula.graph.expr import Expr, Operation, Symbol, walk
from ...formula.tracing.trace import Formula

CARRIES = ("add", "subtract", "multiply", "divide")
"""What a parameter may pass through on its way to the new one: steps are added to it, and numbers scale it."""


def reads_param(formula: Formula) -> bool:
    """Tell if anything but the new parameter depends on the old one, or that in another way than by a step from it."""
    rule = formula.rule
    if rule.copies & set(formula.states) or formula.measured:
        return True
    reached: set[Expr] = set()
    for node in walk(*formula.outputs.values()):
        is_param = isinstance(node, Symbol) and node.name == "param"
        through = reached.intersection(node.operands)
        if through and not _carries(node, through):
            return True
        if is_param or through:
            reached.add(node)
    return any(value in reached for name, value in formula.outputs.items() if name != "param")


def _carries(node: Expr, through: set[Expr]) -> bool:
    """Tell if a node only takes the parameter further: by a step, or times a number."""
    if not isinstance(node, Operation) or node.op.name not in CARRIES or len(through) > 1:
        return False
    others = set(node.operands) - through
    is_scaled = node.op.name in ("multiply", "divide")
    return not is_scaled or not any(other.varies for other in others)
