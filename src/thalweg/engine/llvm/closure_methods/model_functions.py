"""The functions of numbers that models of fits may use, as text that becomes part of the loop over points."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ....formula.graph.expr import Expr, Operation, walk
from ..functions.angles import cosine, sine
from ..functions.error_functions import complement, error_function
from ..functions.exponentials import exponential, exponential_less_one, logarithm, power, power_by_logarithm
from ..language.written_values import Value, function

FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
    "exp": (1, exponential),
    "expm1": (1, exponential_less_one),
    "log": (1, logarithm),
    "sin": (1, sine),
    "cos": (1, cosine),
    "pow": (2, power),
    "pow_by_log": (3, power_by_logarithm),
    "erf": (1, error_function),
    "erfc": (1, complement),
}
"""How many numbers a function takes, and what it does with them."""


def functions(columns: Iterable[Expr]) -> str:
    """Write the functions that a model uses."""
    used = {node.op.name for node in walk(*columns) if isinstance(node, Operation)}
    written = "\n".join(function(name, *FUNCTIONS[name]) for name in FUNCTIONS if name in used)
    return f"declare double @llvm.fma.f64(double, double, double)\n\n{written}"
