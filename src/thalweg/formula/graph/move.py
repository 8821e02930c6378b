"""A parameter on its way through a formula: where it stays without the gradient, and the step that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

REFLECTED = {
    **dict.fromkeys(("mul", "multiply", "__mul__"), "__rmul__"),
    **dict.fromkeys(("add", "__add__"), "__radd__"),
}
"""What torch calls the operations that a number on the right of a tensor has a say in."""


class Move:
    """A difference, kept in its two parts: `base`, which is the parameter times numbers, and the step that it takes.

    What is added to it, or taken from it, is its step; a number that scales it scales both. Wherever it is read in any
    other way, it is the plain difference. So `param - self.lr * m` knows its step, unrounded; and in `grad +
    weight_decay * param` the parameter is a number as any other, which is noted: it decays the gradient.
    """

    __slots__ = ("base", "decay", "step")

    def __init__(self, base: Any, step: Any = None, decay: list[Any] | None = None) -> None:
        self.base, self.step = base, step
        self.decay: list[Any] = [] if decay is None else decay
        """The multiples of the parameter that something else was increased by: one list for all that came of it."""

    @property
    def value(self) -> Any:
        """The plain number, or tensor, or node."""
        return self.base if self.step is None else self.base - self.step

    def __sub__(self, other: Any) -> Move:
        if isinstance(other, Move):
            return self._with(self.base - other.base, _sum(self.step, None if other.step is None else -other.step))
        return self._with(self.base, _sum(self.step, other))

    def __add__(self, other: Any) -> Move:
        if isinstance(other, Move):
            return self._with(self.base + other.base, _sum(self.step, other.step))
        return self._with(self.base, _sum(self.step, -other))

    def __radd__(self, other: Any) -> Any:
        if self.step is None:
            self.decay.append(self.base)
        return other + self.value

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Move):
            return self.value * other.value
        return self._with(self.base * other, None if self.step is None else self.step * other)

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Move):
            return self.value / other.value
        return self._with(self.base / other, None if self.step is None else self.step / other)

    __rmul__ = __mul__

    def _with(self, base: Any, step: Any) -> Move:
        return Move(base, step, self.decay)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        """Take part in a tensor's product and sum; whatever else torch does, it does to the plain tensor."""
        name = REFLECTED.get(function.__name__)
        if name and len(arguments) == 2 and isinstance(arguments[1], Move) and not isinstance(arguments[0], Move):
            return getattr(arguments[1], name)(arguments[0])
        return function(*map(plain, arguments), **(keywords or {}))


def plain(value: Any) -> Any:
    """Take a parameter on its way as a number, and anything else as it is."""
    return value.value if isinstance(value, Move) else value


def parts(new: Any, old: Any) -> tuple[Any, Any]:
    """Take a new parameter apart; of one that was made in another way, the step is the difference."""
    if isinstance(new, Move):
        return new.base, 0 * old if new.step is None else new.step
    return old, old - new


def _sum(step: Any, more: Any) -> Any:
    if more is None or step is None:
        return step if more is None else more
    return step + more


def _plainly(name: str) -> Callable[..., Any]:
    def operate(self: Move, *others: Any) -> Any:
        return getattr(self.value, name)(*map(plain, others))

    return operate


for _name in ("rsub", "rtruediv", "pow", "rpow", "neg", "abs", "gt", "ge", "lt", "le", "eq", "ne"):
    setattr(Move, f"__{_name}__", _plainly(f"__{_name}__"))
