"""A model of many fits as a formula: what torch computes of it, and of its derivatives, is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .....engine.llvm.closure_methods.normal_equations import DATUM, PARAMETER, POINT
from .....formula.graph.expr import Constant, Expr, Symbol
from ..fits.linearize import Model, derivatives
from ..fits.systems import grams
from ..members import Members
from .known_logarithms import with_known_logarithms
from .model_words import FILLED, THE_SAME, WORDS, UnknownOperationError
from .shared_reciprocals import with_shared_reciprocals

PLAIN = 16
"""Whole numbers and halves up to this size stand in a kernel's text; others are data: new ones need no new kernel."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A model's derivatives and its residual as functions of symbols; it has `data` rows for each fit."""

    columns: Sequence[Expr]
    data: int
    points: Sequence[Tensor]


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down what torch computes of some tensors, and keeps what it meets that differs from point to point.

    Whatever is computed without them is a constant of the model.
    Raises UnknownOperationError for what no kernel computes.
    """

    def __init__(self, symbols: Mapping[Symbol, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tensors = list(symbols.values())
        self.nodes: dict[Any, Expr] = {place(tensor): symbol for symbol, tensor in symbols.items()}
        self.constants: dict[Any, Expr] = {}
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
            raise UnknownOperationError(str(func))
        else:
            self._forget(result)
        return result

    def _forget(self, result: Any) -> None:
        # What was changed in place, before any of the model's tensors had a part in it, is another constant now.
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.constants.pop(place(leaf), None)

    def _write(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        # What is changed in place keeps its place, where its new value is found.
        name = func.overloadpacket.__name__.rstrip("_")
        if name in FILLED and result.shape != self.shape:
            return  # A constant like those that are computed without the model's tensors.
        if not isinstance(result, Tensor) or result.shape != self.shape:
            raise UnknownOperationError(name)
        self.tensors.append(result)  # Kept alive, so that no other tensor takes its place.
        self.nodes[place(result)] = self._node(name, args, kwargs, result)

    def _node(self, name: str, args: Any, kwargs: Any, result: Tensor) -> Expr:
        if name in FILLED:
            return self.number(float(result.flatten()[0]))
        if name in THE_SAME and result.dtype is args[0].dtype:
            return self.node(args[0])  # type: ignore[no-any-return]
        if name not in WORDS:
            raise UnknownOperationError(name)
        try:
            return WORDS[name](*map(self.node, args), **kwargs)
        except TypeError as error:
            raise UnknownOperationError(name) from error

    def node(self, value: Any) -> Any:
        """Return what stands for a tensor or a number; None for what is neither."""
        if not isinstance(value, Tensor):
            return None if value is None else self.number(float(value))
        found = self.nodes.get(place(value), self.constants.get(place(value)))
        if found is not None:
            return found
        if value.dtype is torch.bool:
            return self.node(value.double()) != 0
        if value.is_complex():
            raise UnknownOperationError("a constant that is no number")
        shared = value[0] if value.dim() == 2 and torch.equal(value[:1].expand_as(value), value) else value
        if shared.numel() == 1 or not any(shared.stride()):
            return self.number(float(shared.flatten()[0]))
        if shared.shape != self.shape[1:]:
            raise UnknownOperationError("a constant of another shape")
        self.tensors.append(value)
        return self.constants.setdefault(place(value), self._point(shared))

    def number(self, value: float) -> Expr:
        """Return what stands for a number."""
        if abs(value) <= PLAIN and not 2 * value % 1:
            return Constant(value)
        if value not in self.constants:
            self.constants[value] = self._point(self.tensors[0].new_full(self.shape[1:], value))
        return self.constants[value]

    def _point(self, row: Tensor) -> Symbol:
        self.points.append(row.detach().double().clone(memory_format=torch.contiguous_format))
        return Symbol(POINT, "element", len(self.points) - 1)


def place(tensor: Tensor) -> tuple[Any, ...]:
    """Return where a tensor's numbers are, and how they lie: what autograd saves is other objects in the same place."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype


def recorded_model(model: Model, members: Members) -> Recorded | None:
    """Return what a model computes; None where it is not pointwise, or does what no kernel does."""
    given = (members.starts, *members.args)
    if not len(members) or any(rows.dtype is not torch.float64 or not rows.is_cpu for rows in given):
        return None
    if any(rows.shape != members.args[0].shape or type(rows) is not Tensor for rows in members.args):
        return None
    try:
        return recorded(model, members)
    except Exception:  # Whatever a model minds here, torch's own way does without, or says better.
        return None


def recorded(model: Model, members: Members) -> Recorded:
    """Record the model at two copies of its first row, so that no length of data is taken for a number of rows."""
    data = [rows[:1].expand(2, -1).clone() for rows in members.args]
    copies = [start.expand_as(data[0]).clone() for start in members.starts[0]]
    symbols = {Symbol(PARAMETER, "element", i): copy for i, copy in enumerate(copies)}
    with Recorder({**symbols, **{Symbol(DATUM, "element", i): rows for i, rows in enumerate(data)}}) as recorder:
        values, columns = derivatives(model, copies, data)
    written = [recorder.node(column) for column in (*columns, values)]
    divided = with_shared_reciprocals(with_known_logarithms(written, recorder.points))
    return Recorded(divided, len(data), recorder.points)


def is_right(found: Callable[[Members], Tensor], model: Model, members: Members) -> bool:
    """Return whether compiled normal equations are the model's at the starts, but for rounding."""
    data = members.args
    copies = [column[:, None].expand_as(data[0]).detach() for column in members.starts.unbind(1)]
    values, columns = derivatives(model, copies, data)
    gram, expected = found(members), grams([*columns, values])
    sizes = expected.diagonal(dim1=1, dim2=2).sqrt()
    # Residuals may be rounding alone: they are seen beside what they are the difference of.
    sizes[:, -1] += (sizes[:, :-1] * members.starts.abs()).sum(1)
    is_near = (gram - expected).abs() <= 1e-6 * sizes[:, :, None] * sizes[:, None, :]
    return bool((is_near | ~expected.isfinite()).all())
