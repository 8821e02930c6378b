"""Words that are composed of operations, and written by their name: exp(x), where a kernel computes a polynomial."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from .expr import Expr, Operation, as_expr
from .move import plain


@dataclass(eq=False, frozen=True, repr=False)
class Composed(Operation):
    """The last operation of such a word."""

    latex: str
    """How the word is written, with a place for each argument."""
    binds: int
    """How tightly it binds, as in the table of operations."""
    said_of: tuple[Expr, ...]
    """The arguments."""


def written(latex: str, binds: int = 9, shows: slice = slice(None)) -> Callable[[Callable[..., Any]], Any]:
    """Let a word be written with its name; the arguments that are shown are numbers."""

    def wrapped(word: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(word)
        def say(*arguments: Any, **named: Any) -> Any:
            found = word(*arguments, **named)
            if not isinstance(found, Operation):
                return found
            shown = tuple(as_expr(plain(each)) for each in (*arguments, *named.values())[shows])
            return Composed(found.op, found.operands, found.varies, latex, binds, shown)

        return say

    return wrapped


def parts(node: Expr) -> tuple[Expr, ...]:
    """Give what a node is written of."""
    return node.said_of if isinstance(node, Composed) else node.operands
