"""A formula as a graph: symbols, constants, and operations on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, ClassVar

from .conditions import kind_of, with_conditions
from .kinds import BITS, check_bits
from .mistakes import Opaque, no_number, no_power, undecided
from .move import Move, plain
from .ops import ON_BITS, ON_CONDITIONS, OPS, Kind, Op, wrapped
from .places import BLOCK as BLOCK
from .places import Scope as Scope


class Expr(Opaque):
    """A node of the graph; arithmetic on it makes further nodes."""

    varies: bool
    """True if the value differs between the elements of one tensor."""
    operands: tuple[Expr, ...]
    kind: Kind = "number"
    rebound: ClassVar[int] = 0
    """How often a formula has said `x *= 2`, or the like, so far."""

    def __add__(self, other: Any) -> Expr:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> Expr:
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return apply("divide", other, self)

    def __pow__(self, other: Any) -> Expr:
        if self.varies and isinstance(other, int) and other == 2:
            return apply("multiply", self, self)
        return apply("power", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return apply("power", other, self)

    def __neg__(self) -> Expr:
        return apply("negate", self)

    def __abs__(self) -> Expr:
        return apply("absolute", self)

    def __gt__(self, other: Any) -> Expr:
        return apply("greater", self, other)

    def __ge__(self, other: Any) -> Expr:
        return apply("greater_equal", self, other)

    def __lt__(self, other: Any) -> Expr:
        return apply("less", self, other)

    def __le__(self, other: Any) -> Expr:
        return apply("less_equal", self, other)

    def __and__(self, other: Any) -> Expr:
        return apply("bit_and", self, other)

    def __or__(self, other: Any) -> Expr:
        return apply("bit_or", self, other)

    def __xor__(self, other: Any) -> Expr:
        return apply("bit_xor", self, other)

    # Of `a > 0 & b > 0` Python takes 0 & b first.
    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Expr:
        return apply("invert", self)

    def __lshift__(self, other: Any) -> Expr:
        return apply("shift_left", self, other)

    # As for tensors, == builds a node; two nodes are the same only if they are one object.
    def __eq__(self, other: Any) -> Expr:  # type: ignore[override]
        return apply("equal", self, other)

    def __ne__(self, other: Any) -> Expr:  # type: ignore[override]
        return apply("not_equal", self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        """Answer a Python `if` on an option, and remember the answer; refuse one on anything that varies."""
        for symbol in symbols(self):
            if symbol.decide is None:
                raise TypeError(undecided(symbol.name))
        return self._decide()

    def _decide(self) -> bool:
        first = next(symbols(self), None)
        if first is None:
            raise TypeError("a Python `if` asks for a constant of the formula: decide it outside of update")
        return bool(first.decide(self))

    def __index__(self) -> int:
        """Give range() a whole number of the options, and remember it; refuse what is not known yet."""
        found = list(symbols(self))
        if not found or any(symbol.decide is None for symbol in found):
            return super().__index__()
        number = found[0].decide(self, float)
        if number % 1:
            raise TypeError(f"range() needs a whole number, but {found[0].label!r} makes it {number:g}: change it")
        return int(number)


def _rebinding(name: str) -> Callable[[Expr, Any], Any]:
    """Let `x *= 2` give x another value, and note that it was said: a tensor would be changed in place."""
    operate = getattr(Expr, f"__{name}__")

    def rebind(self: Expr, other: Any) -> Any:
        Expr.rebound += 1
        return operate(self, other)

    return rebind


for _name in ("add", "sub", "mul", "truediv", "pow", "and", "or", "xor", "lshift"):
    setattr(Expr, f"__i{_name}__", _rebinding(_name))


@dataclass(eq=False, frozen=True)
class Symbol(Expr):
    """A leaf with a name: a tensor's element, a parameter's number or a group's option."""

    name: str
    scope: Scope
    index: int | None = None
    """The place within an option that is a tuple, such as betas."""
    decide: Any = field(default=None, repr=False)
    kind: Kind = "number"
    operands = ()

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """True for tensors."""
        return self.scope not in ("parameter", "group")

    @property
    def label(self) -> str:
        """The name, with its index: betas[0]."""
        return self.name if self.index is None else f"{self.name}[{self.index}]"


@dataclass(eq=False, frozen=True)
class Constant(Expr):
    """A number that stands in the formula's text."""

    value: float
    kind: Kind = "number"
    varies = False
    operands = ()


@dataclass(eq=False, frozen=True, repr=False)
class Operation(Expr):
    """An operation of the table on other nodes."""

    op: Op
    operands: tuple[Expr, ...]
    varies: bool

    @property
    def kind(self) -> Kind:  # type: ignore[override]
        """What the operation gives."""
        return self.op.gives


@dataclass(eq=False, frozen=True, repr=False)
class Reduction(Expr):
    """One number of many: a sum over a parameter, along its rows or columns, or the largest size in a block.

    `how` is total, total_square or block_peak; or row or column, and total, mean or max: row_mean.
    """

    how: str
    operands: tuple[Expr, ...]

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """True for what differs from block to block, or from row to row."""
        return not self.how.startswith("total")

    @property
    def side(self) -> str:
        """Along what it goes: row, column, or nothing of the two."""
        return self.how.partition("_")[0] if self.how.startswith(("row", "column")) else ""


@dataclass(eq=False, frozen=True, repr=False)
class MatrixFunction(Expr):
    """What a function of the table in `matrix` makes of some tensors; the other operands are numbers."""

    how: str
    operands: tuple[Expr, ...]
    scope: Scope = "element"
    tensors: int = 1
    """How many of the operands are tensors: the first ones."""
    result: int = 0
    """Which of several results it is."""
    varies = True

    @property
    def numbers(self) -> tuple[Expr, ...]:
        """All but the tensors."""
        return self.operands[self.tensors :]


def apply(name: str, *operands: Any) -> Expr:
    """Make a node, numbers becoming constants; refuse what no kernel can compute per element."""
    if any(isinstance(operand, Move) for operand in operands):
        return moved(name, *operands)  # type: ignore[no-any-return]
    kinds = {kind_of(operand) for operand in operands}
    if "bits" in kinds:
        name = ON_BITS.get(name, name)
    elif name == "where" or "condition" in kinds or name in ON_CONDITIONS.keys() - OPS.keys():
        name, operands = with_conditions(name, operands, as_number)
    if name in ("where", "where_bits") and isinstance(operands[0], bool):
        return as_expr(operands[1] if operands[0] else operands[2], OPS[name].takes)
    op = OPS[name]
    check_bits(op, operands)
    nodes = tuple(as_expr(operand, op.takes) for operand in operands)
    varies = any(node.varies for node in nodes)
    if varies and op.numbers_only:
        raise TypeError(no_power(*nodes))
    return Operation(op, nodes, varies)


def moved(name: str, *operands: Any) -> Any:
    """Let a parameter on its way take part in a node's product and sum; to all else it is a number."""
    reflected = {"multiply": "__rmul__", "add": "__radd__"}.get(name)
    if reflected and isinstance(operands[1], Move):
        return getattr(operands[1], reflected)(operands[0])
    return apply(name, *map(plain, operands))


def as_number(value: Any) -> Any:
    """Take a condition as 1 or 0, refuse bits, and take anything else as it is."""
    if kind_of(value) == "bits":
        raise TypeError(BITS)
    is_condition = isinstance(value, Expr) and value.kind == "condition"
    return Operation(OPS["where"], (value, Constant(1.0), Constant(0.0)), value.varies) if is_condition else value


def as_expr(value: Any, kind: Kind = "number") -> Expr:
    """Turn a number into a constant; leave a node as it is."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool) and kind == "condition":
        return apply("greater", 1.0, 0.0 if value else 1.0)
    if isinstance(value, int) and kind == "bits":
        return Constant(wrapped(value), "bits")
    if isinstance(value, int | float):
        return Constant(float(value))
    raise TypeError(no_number(value))


def walk(*roots: Expr, parts: Callable[[Expr], tuple[Expr, ...]] = attrgetter("operands")) -> Iterator[Expr]:
    """Yield each node once, operands, or what else are its parts, before what uses them."""
    seen: set[Expr] = set()
    # Tracing spends much of its time here. A node waits below None, and None below the node's parts.
    stack: list[Any] = list(reversed(roots))
    while stack:
        if (node := stack.pop()) is None:
            yield stack.pop()
        elif node not in seen:
            seen.add(node)
            stack += node, None, *parts(node)[::-1]


def symbols(*roots: Expr) -> Iterator[Symbol]:
    """Yield the symbols that the roots depend on."""
    return (node for node in walk(*roots) if isinstance(node, Symbol))
