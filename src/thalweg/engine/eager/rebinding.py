"""Tensors on which `x *= 2` makes a new one, as it does of numbers and symbols: formulas change nothing in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

OPERATORS = ("add", "sub", "mul", "truediv", "pow", "and", "or", "xor", "lshift", "rshift", "floordiv", "mod")


class Rebinding(Tensor):
    """A tensor that such operators leave as it is; what is computed from it is one of these, too."""


def _not_in_place(name: str) -> Callable[[Any, Any], Any]:
    operate = getattr(Tensor, f"__{name}__")
    return lambda self, other: operate(self, other)


for name in OPERATORS:
    setattr(Rebinding, f"__i{name}__", _not_in_place(name))


def rebinding(value: Any) -> Any:
    """Have a plain tensor be such a one, over the same memory; leave everything else."""
    return value.as_subclass(Rebinding) if type(value) is Tensor else value


def plain(value: Any) -> Any:
    """Have it be a plain tensor again."""
    return value.as_subclass(Tensor) if type(value) is Rebinding else value
