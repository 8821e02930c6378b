"""A formula as LaTeX, line by line, with the names that it has in the text of `update`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf

from ..graph.composed import Composed, parts
from ..graph.expr import Constant, Expr, MatrixFunction, Operation, Reduction, Symbol, walk
from .trace import Formula

LETTERS = {
    "param": r"\theta",
    "grad": "g",
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "max_exp_avg_sq": r"v^{\max}",
    "exp_inf": "u",
    "square_avg": "v",
    "grad_avg": r"\bar{g}",
    "acc_delta": "u",
    "momentum_buffer": "b",
    "sum": "s",
    "step_size": r"\eta",
    "prev": r"\hat{g}",
    "ax": r"\bar{\theta}",
    "m_hat": r"\hat{m}",
    "v_hat": r"\hat{v}",
    "delta": r"\Delta",
    "lr": r"\gamma",
    "betas": r"\beta",
    "etas": r"\eta",
    "eta": r"\eta",
    "eps": r"\epsilon",
    "weight_decay": r"\lambda",
    "lambd": r"\lambda",
    "alpha": r"\alpha",
    "rho": r"\rho",
    "momentum": r"\mu",
    "mu": r"\mu",
    "dampening": r"\tau",
    "step_count": "t",
    "d": "d",
    "d0": "d_0",
    "s": "s",
    "p0": r"\theta_0",
}
"""The letters that papers use."""


LONG = 60
"""Characters of TeX: what is longer and used again gets a line of its own, and a number, q_1, q_2, ..., for a name."""


def latex(formula: Formula) -> list[str]:
    """Write each named step of a formula, then the new states and parameter."""
    return list(Writer(formula).lines())


PRODUCTS = frozenset({"matmul", "lower_matmul", "upper_matmul", "upper_by_upper"})
"""Functions that multiply two matrices, of which some are known to be triangular."""

BINDS_MATRICES = 3
"""Products of matrices go in parentheses in powers, and what is multiplied by element goes in parentheses in them."""


class Writer:
    """Writes nodes, stopping at those that have a line of their own."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        nodes = list(walk(*formula.outputs.values(), parts=parts))
        results = {value for value in formula.outputs.values() if isinstance(value, Operation)}
        self.named: dict[Expr, str] = {
            node: formula.names[node]
            for node in nodes
            if isinstance(node, Operation) and node in formula.names and node not in results
        }
        self.results = {value: name for name, value in formula.outputs.items() if value in results}
        self.numbered: dict[Expr, str] = {}
        self.uses = Counter(part for node in nodes for part in parts(node))

    def lines(self) -> Iterator[str]:
        """Write what has a name in the order in which it is computed, then states that are mere copies."""
        for node in walk(*self.formula.outputs.values(), parts=parts):
            if self._has_line(node):
                yield f"{self._result(node)} = {self._written(node)}"
        for name, value in self.formula.outputs.items():
            if value not in self.results:
                yield f"{self._new(name)} = {self.text(value)}"

    def _has_line(self, node: Expr) -> bool:
        """Tell what has a name, and give one to what would be long each time: formulas grow no faster than graphs."""
        if node in self.named or node in self.results:
            return True
        if self.uses[node] > 1 and len(self._written(node)) > LONG:
            self.numbered[node] = f"q_{{{len(self.numbered) + 1}}}"
        return node in self.numbered

    def text(self, node: Expr, binds: int = 0) -> str:
        """Write a node's name, or the node, in parentheses if it binds less tightly than what surrounds it."""
        if node in self.named or node in self.results or node in self.numbered:
            return self._result(node)
        return self._written(node, binds)

    def _written(self, node: Expr, binds: int = 0) -> str:
        if isinstance(node, Constant):
            return number(node.value)
        if isinstance(node, Symbol):
            return self._old(node)
        if isinstance(node, Reduction):
            return self._reduction(node)
        if isinstance(node, MatrixFunction):
            return self._of_matrices(node, binds)
        assert isinstance(node, Operation)
        inside, own = (
            (self._word(node), node.binds) if isinstance(node, Composed) else (self._operation(node), node.op.binds)
        )
        return rf"\left({inside}\right)" if own < binds else inside

    def _of_matrices(self, node: MatrixFunction, binds: int) -> str:
        """Write products with a dot, as elements are multiplied without one; of Muon's iteration only the matrix."""
        if node.how in PRODUCTS:
            inside = r" \cdot ".join(self.text(operand, BINDS_MATRICES) for operand in node.operands)
            return rf"\left({inside}\right)" if binds > BINDS_MATRICES else inside
        if node.how == "transpose":
            return rf"{{{self.text(node.operands[0], 9)}}}^{{\top}}"
        operands = node.operands[: node.tensors] if node.how == "orthogonalize" else node.operands
        return rf"\operatorname{{{node.how.replace('_', ' ')}}}\left({', '.join(map(self.text, operands))}\right)"

    def _reduction(self, node: Reduction) -> str:
        if node.side:
            return rf"\operatorname{{{node.how.replace('_', ' ')}}}\left({self.text(node.operands[0])}\right)"
        power = "^2" if node.how == "total_square" else ""
        return rf"\sum {{{self.text(node.operands[0], 9)}}}{power}"

    def _word(self, node: Composed) -> str:
        tight = 0 if node.binds == 9 else 9
        return node.latex.format(*(self.text(part, 0 if place else tight) for place, part in enumerate(node.said_of)))

    def _operation(self, node: Operation) -> str:
        tight = 0 if node.op.binds == 9 else node.op.binds
        # a - (b - c) and -(a + b) need their parentheses, a + (b + c) does not.
        right = tight + (node.op.name in ("subtract", "power"))
        left = 9 if node.op.name == "power" else tight + (node.op.name == "negate")
        operands = [self.text(operand, right if place else left) for place, operand in enumerate(node.operands)]
        return node.op.latex.format(*operands)

    def _old(self, symbol: Symbol) -> str:
        letter = letters(symbol.name)
        if symbol.index is not None:
            return indexed(letter, str(symbol.index + 1))
        if symbol.name == "grad":
            return indexed(letter, "t")
        is_state = symbol.varies or symbol.name in self.formula.rule.scalars
        return indexed(letter, "t-1") if is_state else letter

    def _result(self, node: Expr) -> str:
        if node in self.numbered:
            return self.numbered[node]
        if node in self.results:
            return self._new(self.results[node])
        name = self.named[node]
        # A name that is used again for another value is primed: g' is the gradient with its decay.
        is_new = name not in ("param", "grad", *self.formula.rule.states)
        return self._new(name) if is_new else indexed(letters(name), "t", prime="'")

    def _new(self, name: str) -> str:
        return indexed(letters(name), "t")


def number(value: float) -> str:
    """Write a number, with a power of ten where it is very small or large."""
    if value == inf:
        return r"\infty"
    mantissa, _, exponent = f"{value:g}".partition("e")
    if not exponent:
        return mantissa
    factor = "" if mantissa == "1" else rf"{mantissa} \times "
    return f"{factor}10^{{{int(exponent)}}}"


def indexed(letter: str, index: str, prime: str = "") -> str:
    """Put an index to a letter, beside the one that it may have: TeX takes no second one."""
    stem, _, own = letter.partition("_")
    if own and not letter.startswith(r"\mathrm"):
        return f"{stem}{prime}_{{{own},{index}}}"
    return f"{letter}{prime}_" + (index if len(index) == 1 else f"{{{index}}}")


def letters(name: str) -> str:
    """Find the letter for a name; a name without one is set as a word."""
    word = name.replace("_", r"\_")
    return LETTERS.get(name, rf"\mathrm{{{word}}}")
