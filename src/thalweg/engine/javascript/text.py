"""Writing JavaScript: what values are called, how constants and operations read."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from ...formula.graph.expr import Constant, Expr, Operation, Symbol, walk
from ...formula.rule.facts import FACTS, SHAPE

JAVASCRIPT = Path(__file__).parent
"""Where what is written by hand stands."""

LONGEST = 90
"""Characters that stand in one expression, about: what would be longer is cut by a name."""

RESERVED = {
    *("f32", "bits", "number", "sign", "maximum", "minimum", "bfloat16", "float16", "power", "Sum", "Math", "Infinity"),
    *("exponent", "mantissa", "scaled"),
    *(
        "self",
        "state",
        "tensors",
        "given",
        "sums",
        "seen",
        "i",
        "count",
        "step",
        "NaN",
        "undefined",
        "arguments",
        "eval",
    ),
    *("break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do", "else", "enum"),
    *("export", "extends", "false", "finally", "for", "function", "if", "import", "in", "instanceof", "let", "new"),
    *("null", "return", "static", "super", "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while"),
    *("with", "yield", "await", "async", "implements", "interface", "package", "private", "protected", "public"),
}
"""What the language, and the text around a formula, have names for."""

Precision = Literal["f32", ""]
"""What rounds each result: float32's, or nothing, as JavaScript's own numbers are float64."""


class Values:
    """The text of each value of a function, named as in the formula where it has a name there.

    What has no name, is short, and is used once stands where it is used.
    """

    def __init__(
        self,
        precision: Precision,
        roots: Iterable[Expr],
        given: Mapping[Expr, str] | None = None,
        taken: set[str] | None = None,
        symbols: Mapping[str, str] | None = None,
    ) -> None:
        self.precision, self.roots = precision, list(roots)
        self.given, self.symbols = given or {}, symbols or {}
        self.taken = RESERVED.copy() if taken is None else taken
        self.uses = Counter(operand for node in walk(*self.roots) for operand in node.operands)
        self.texts: dict[Expr, str] = {}

    def __getitem__(self, node: Expr) -> str:
        if isinstance(node, Constant):
            return str(int(node.value)) if node.kind == "bits" else literal(node.value, self.precision)
        if isinstance(node, Symbol):
            return self.symbols.get(node.label) or name_of(node)
        return self.texts[node]

    def lines(self) -> Iterator[str]:
        """Write a line for each value that has a name, operands before what uses them."""
        for node in walk(*self.roots):
            if isinstance(node, Operation) and node not in self.texts:
                text = node.op.javascript.format(*(self[operand] for operand in node.operands), round=self.precision)
                if self.uses[node] > 1 or node in self.given or len(text) > LONGEST:
                    self.texts[node] = free(self.given.get(node, node.op.name), self.taken)
                    yield f"const {self.texts[node]} = {bare(text)}"
                else:
                    self.texts[node] = text


def free(stem: str, taken: set[str]) -> str:
    """Find a name that nothing has yet."""
    plain = re.sub(r"\W", "_", stem)
    name, tries = plain, 1
    while name in taken:
        tries += 1
        name = f"{plain}_{tries}"
    taken.add(name)
    return name


def name_of(symbol: Symbol) -> str:
    """Name what is one number: an option of `self`, which may stand in a list, or something of the parameter's."""
    if symbol.scope == "group":
        return f"self.{symbol.label}"
    is_fact = symbol.name in FACTS or symbol.name.startswith(SHAPE)
    return f"state.{symbol.label}" if is_fact or "." not in symbol.name else local(symbol.name)


def local(name: str) -> str:
    """Name what waits between two passes, such as a sum."""
    return name.replace(".", "_")


def literal(value: float, precision: Precision = "") -> str:
    """Write a constant exactly, rounded to what is computed in."""
    if precision and abs(value) < float("inf"):
        value = struct.unpack("f", struct.pack("f", value))[0]
    if value != value:
        return "NaN"
    text = repr(value).replace("inf", "Infinity").removesuffix(".0")
    return f"({text})" if text.startswith("-") else text


def bare(text: str) -> str:
    """Take off parentheses around all of an expression."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return text[1:-1] if place == len(text) - 1 and text.startswith("(") else text
    return text


def block(*lines: str | Iterable[str], indent: int = 2) -> str:
    """Set lines, and groups of lines, in a function's body."""
    flat = (line for group in lines for line in ([group] if isinstance(group, str) else group))
    return "\n".join(" " * indent + line for line in flat)


def library() -> str:
    """Give what all rules need: the words of formulas, powers, and what steps with a rule."""
    return "\n".join((JAVASCRIPT / f"{name}.js").read_text() for name in ("words", "power", "training"))
