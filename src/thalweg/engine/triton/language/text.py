"""Writing Triton: what values are called, how constants and operations read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import fill, indent

from ....formula.graph.expr import Constant, Expr, Operation, Reduction, Symbol, walk
from ....formula.tracing.program import Slot

FUNCTIONS = (
    *("bfloat16", "bits", "by_precision", "divide", "exponent", "float16", "from_bfloat16", "from_bits"),
    *("from_scaled_bits", "integer", "mantissa", "maximum", "minimum", "negate", "scaled_bits"),
    *("shift_right", "sign", "square_root", "times_power_of_two", "to_bfloat16"),
)
"""Those of `arithmetic`, which every kernel may call."""

TILE = (
    *("added_in_order", "block_peak", "load_halves", "load_packed", "pairwise"),
    *("blocks_there", "places", "places_of_blocks", "store_packed", "sum_of_pieces", "there", "within"),
)
"""Those of `tile`."""

RESERVED = {
    *("triton", "tl", "elements", "update", "prepare", "finish", "power", *FUNCTIONS, *TILE),
    *("rows", "row_count", "row", "given", "numbers", "number", "chunks", "chunk", "unit", "rest", "block"),
    *("overflowed", "gradients", "group", "at", "first", "length", "place", "offset", "begin", "inside", "start"),
    *("sums", "totals", "kept", "step_at", "BLOCKS", "LENGTH", "ALIGNED"),
    *("walk", "across", "close", "total", "items", "line", "width", "height", "is_line", "at_element", "at_column"),
    *(
        "count",
        "stop",
        "step",
        "tile",
        "tiles",
        "sum",
        "partial",
        "partials",
        "partial_count",
        "piece",
        "pieces",
        "out",
    ),
    *("LINES", "COLUMNS", "eight_added", "folded_max", "folded_total", "larger"),
}
"""What the text of kernels itself has names for."""


class Values:
    """The text of each value of a function, named as in the formula where it has a name there.

    What has no name and is used once stands where it is used.
    """

    def __init__(
        self, kind: str, symbols: Mapping[str, str], roots: Iterable[Expr], given: Mapping[Expr, str] | None = None
    ) -> None:
        self.kind = kind
        self.symbols = symbols
        self.given = given or {}
        self.roots = list(roots)
        self.taken = set(symbols.values()) | RESERVED
        uses = Counter(operand for node in walk(*self.roots) for operand in node.operands)
        named = {*self.given, *self.roots}
        self.lines_of_their_own = {node for node in walk(*self.roots) if uses[node] > 1 or node in named}
        self.names: dict[Expr, str] = {}

    def lines(self, *roots: Expr) -> Iterator[str]:
        """Write one line for each value that has a name and is not there yet, operands before what uses them."""
        for node in walk(*(roots or self.roots)):
            if node.operands and node in self.lines_of_their_own and node not in self.names:
                text = self._operation(node)
                self.names[node] = self._free(self.given.get(node) or stem(node))
                yield f"{self.names[node]} = {text}"

    def __getitem__(self, node: Expr) -> str:
        """Return what stands for a value where it is stored or passed on."""
        return self._text(node, is_passed=True)

    def _text(self, node: Expr, is_passed: bool) -> str:
        """Write a value; a constant that is passed to a function has its type with it."""
        if isinstance(node, Constant):
            text, kind = literal(node), "tl.int32" if node.kind == "bits" else self.kind
            return f"tl.full((), {text}, {kind})" if is_passed else text
        if isinstance(node, Symbol):
            return self.symbols[node.label]
        if isinstance(node, Slot):
            return f"number_{node.index}"
        if node in self.names:
            return self.names[node]
        text = self._operation(node)
        return text if is_passed or (text.endswith(")") and is_call(node)) else f"({text})"

    def _operation(self, node: Expr) -> str:
        operands = (self._text(operand, is_call(node)) for operand in node.operands)
        return template(node).format(*operands, type=self.kind)

    def _free(self, stem: str) -> str:
        name, tries = stem, 1
        while name in self.taken:
            tries += 1
            name = f"{stem}_{tries}"
        self.taken.add(name)
        return name


def template(node: Expr) -> str:
    """Say how a node is written around its operands."""
    if isinstance(node, Reduction):
        return f"{node.how}({{0}}, inside, ALIGNED)"
    assert isinstance(node, Operation)
    return node.op.triton


def stem(node: Expr) -> str:
    """Name a value that the formula does not."""
    return node.how if isinstance(node, Reduction) else node.op.name  # type: ignore[attr-defined]


def is_call(node: Expr) -> bool:
    """Tell if a node is written as a function's call, and not between its operands."""
    return bool(node.operands) and template(node).endswith(")")


def literal(constant: Constant) -> str:
    """Write a constant exactly: Triton rounds it to the type of what it meets."""
    if constant.kind == "bits":
        return str(int(constant.value))
    return repr(constant.value) if math.isfinite(constant.value) else f'float("{constant.value}")'


def block(*lines: str | Iterable[str]) -> str:
    """Set lines, and groups of lines, in a function's body."""
    flat = (line for group in lines for line in ([group] if isinstance(group, str) else group))
    return indent("\n".join(flat), "    ")


def name_of(label: str) -> str:
    """Name a tensor, a number or an option, exp_avg being exp_avg_ and betas[0] betas__0.

    No name of a kernel's own ends in _ or has two of them together. What is cut out of a formula is called sum.0.0.
    """
    name, _, place = label.removesuffix("]").partition("[")
    own = name.replace(".", "_") if "." in name else f"{name}_"
    return f"{own}_{place}" if place else own


def is_condition(number: Expr) -> bool:
    """Tell if a number is a truth value."""
    return isinstance(number, Operation) and number.op.is_condition


def head() -> str:
    """Write what the module imports."""
    return f"""
import triton
import triton.language as tl

from {__package__}.arithmetic import (
{names(FUNCTIONS)},
)
from {__package__}.power import power
from {__package__}.tile import (
{names(TILE)},
)
"""


def names(functions: Sequence[str]) -> str:
    """List what is imported."""
    return fill(", ".join(functions), 100, initial_indent="    ", subsequent_indent="    ")
