"""A model of many fits as a formula: what torch computes of it is written down, and compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ....engine.llvm.grams import COLUMNS
from ....engine.llvm.normal_equations import DATUM, PARAMETER, POINT, NormalEquations
from ....formula.expr import Constant, Expr, Operation, Symbol, apply
from ....formula.ops import Op
from .linearize import Model, derivatives
from .members import Members
from .systems import by_places, grams


class Unknown(Exception):
    """The model does something that no formula says."""


EXP, LOG = (
    Op(name, function, function, f"call double @{name}(double {{0}})", "", "", "")
    for name, function in (("exp", torch.exp), ("log", torch.log))
)
"""Operations of the CPU's kernels for models; formulas of optimizers have the exact ones of `formula/elementary.py`."""


def exp(x: Expr) -> Expr:
    return Operation(EXP, (x,), True)


def log(x: Expr) -> Expr:
    return Operation(LOG, (x,), True)


def sigmoid(x: Expr) -> Expr:
    return 1 / (1 + exp(-x))


def power(x: Expr, exponent: Any) -> Expr:
    """Raise to a power that is a small whole number, or half of one."""
    if isinstance(exponent, Expr) or 2 * exponent % 1 or abs(exponent) > 8:
        raise Unknown("power")
    if exponent < 0:
        return 1 / power(x, -exponent)
    result = apply("sqrt", x) if exponent % 1 else None
    for _ in range(int(exponent)):
        result = x if result is None else result * x
    return Constant(1.0) if result is None else result


def clamp(x: Expr, low: Any = None, high: Any = None) -> Expr:
    above = x if low is None else apply("maximum", x, low)
    return above if high is None else apply("minimum", above, high)


WORDS: dict[str, Callable[..., Expr]] = {
    "add": lambda a, b, alpha=1: a + (b if alpha == 1 else alpha * b),
    "sub": lambda a, b, alpha=1: a - (b if alpha == 1 else alpha * b),
    "rsub": lambda a, b, alpha=1: b - (a if alpha == 1 else alpha * a),
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "reciprocal": lambda a: 1 / a,
    "square": lambda a: a * a,
    "pow": power,
    "sqrt": lambda a: apply("sqrt", a),
    "rsqrt": lambda a: 1 / apply("sqrt", a),
    "exp": exp,
    "log": log,
    "sigmoid": sigmoid,
    "sigmoid_backward": lambda gradient, y: gradient * ((1 - y) * y),
    "abs": abs,
    "sgn": lambda a: apply("sign", a),
    "sign": lambda a: apply("sign", a),
    "floor": lambda a: apply("floor", a),
    "maximum": lambda a, b: apply("maximum", a, b),
    "minimum": lambda a, b: apply("minimum", a, b),
    "clamp": clamp,
    "clamp_min": clamp,
    "where": lambda condition, a, b: apply("where", condition, a, b),
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "logical_and": lambda a, b: a & b,
    "logical_or": lambda a, b: a | b,
    "logical_not": lambda a: ~a,
}
"""What torch's operations are called here; a model with any other is computed by torch itself."""

THE_SAME = ("detach", "alias", "clone", "expand", "view", "_to_copy")
"""Operations that change no number; what they may change instead is looked at."""

FILLED = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
"""Operations whose result has the same number everywhere, whatever they are given."""


class Recorder(TorchDispatchMode):
    """Writes down what torch computes of some tensors, and keeps what it meets that differs from point to point.

    Whatever is computed without them is a constant of the model. Raises Unknown for what no kernel computes.
    """

    def __init__(self, symbols: Mapping[Symbol, Tensor]) -> None:
        super().__init__()
        self.tensors = list(symbols.values())
        self.nodes: dict[Any, Expr] = {place(tensor): symbol for symbol, tensor in symbols.items()}
        self.shape = self.tensors[0].shape
        self.points: list[Tensor] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # Torch would import its compiler, which takes seconds and has no part in this.

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute as torch does, and write it down."""
        result = func(*args, **(kwargs or {}))
        if any(place(leaf) in self.nodes for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)):
            self._write(func, args, kwargs or {}, result)
        elif torch.Tag.nondeterministic_seeded in func.tags:
            raise Unknown(str(func))
        return result

    def _write(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        name = func.overloadpacket.__name__
        if name in FILLED and result.shape != self.shape:
            return  # A constant like those that are computed without the model's tensors.
        if not isinstance(result, Tensor) or result.shape != self.shape or func._schema.is_mutable:
            raise Unknown(name)
        self.tensors.append(result)  # Kept alive, so that no other tensor takes its place.
        self.nodes[place(result)] = self._node(name, args, kwargs, result)

    def _node(self, name: str, args: Any, kwargs: Any, result: Tensor) -> Expr:
        if name in FILLED:
            return Constant(float(result.flatten()[0]))
        if name in THE_SAME and result.dtype is args[0].dtype:
            return self.node(args[0])
        if name not in WORDS:
            raise Unknown(name)
        try:
            return WORDS[name](*map(self.node, args), **{key: self.node(value) for key, value in kwargs.items()})
        except TypeError as error:
            raise Unknown(name) from error

    def node(self, value: Any) -> Any:
        """Return what stands for a tensor, or a number itself."""
        if not isinstance(value, Tensor):
            return value
        if place(value) in self.nodes:
            return self.nodes[place(value)]
        if value.dtype is torch.bool or value.is_complex():
            raise Unknown("a constant that is no number")
        shared = value[0] if value.dim() == 2 and (value.shape[0] == 1 or value.stride(0) == 0) else value
        if shared.numel() == 1 or not any(shared.stride()):
            return Constant(float(shared.flatten()[0]))
        if shared.shape != self.shape[1:]:
            raise Unknown("a constant of another shape")
        self.tensors.append(value)
        self.points.append(shared.detach().double().contiguous())
        self.nodes[place(value)] = Symbol(POINT, "element", len(self.points) - 1)
        return self.nodes[place(value)]


def place(tensor: Tensor) -> tuple[Any, ...]:
    """Return where a tensor's numbers are, and how they lie: what autograd saves is other objects in the same place."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


@dataclass(frozen=True, slots=True)
class Recorded:
    """A model's derivatives and its residual as functions of symbols; it has `data` rows for each fit."""

    columns: Sequence[Expr]
    data: int
    points: Sequence[Tensor]

    def equations(self) -> NormalEquations:
        """Return the compiled normal equations."""
        return NormalEquations(self.columns, self.data, self.points)


def recorded_model(model: Model, members: Members) -> Recorded | None:
    """Return what a model computes; None where it is not pointwise, has too many parameters, or does what no kernel does."""
    given = (members.starts, *members.args)
    if not len(members) or any(rows.dtype is not torch.float64 or not rows.is_cpu for rows in given):
        return None
    if any(rows.shape != members.args[0].shape or type(rows) is not Tensor for rows in members.args):
        return None
    if not 0 < members.starts.shape[1] < COLUMNS:
        return None
    try:
        found = recorded(model, members)
    except (Unknown, RuntimeError):
        return None
    return found if is_right(found, model, members) else None


def recorded(model: Model, members: Members) -> Recorded:
    """Record the model at two copies of its first row, so that no length of data is taken for a number of rows."""
    data = [rows[:1].expand(2, -1).clone() for rows in members.args]
    copies = [start.expand_as(data[0]).clone() for start in members.starts[0]]
    symbols = {Symbol(PARAMETER, "element", i): copy for i, copy in enumerate(copies)}
    with Recorder({**symbols, **{Symbol(DATUM, "element", i): rows for i, rows in enumerate(data)}}) as recorder:
        values, columns = derivatives(model, copies, data)
    return Recorded([recorder.node(column) for column in (*columns, values)], len(data), recorder.points)


def is_right(found: Recorded, model: Model, members: Members) -> bool:
    """Return whether compiled normal equations are the model's at some of the starts, but for rounding."""
    some = members.part(slice(0, 16))
    x, data = some.starts, [arg.contiguous() for arg in some.args]
    values, columns = derivatives(model, [column[:, None].expand_as(data[0]).detach() for column in x.unbind(1)], data)
    expected = grams([*columns, values])
    gram = found.equations()(by_places(x), torch.arange(len(x)), data)
    sizes = expected.diagonal(dim1=1, dim2=2).sqrt()
    is_near = (gram - expected).abs() <= 1e-9 * sizes[:, :, None] * sizes[:, None, :]
    return bool((is_near | (gram == expected) | ~expected.isfinite()).all())
