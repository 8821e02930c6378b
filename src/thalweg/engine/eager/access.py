"""How the eager engine reads and writes tensors: in place, in autograd's graph, or where a sparse gradient is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...formula.graph.number import Number
from ...formula.tracing.option_symbols import is_number
from ...state.formats import stored
from ...state.formats.format import Format, as_real, as_tensor, load
from ..commit import Change
from ..operands import PLAIN

Written: TypeAlias = tuple[Sequence[Tensor], Sequence[Change]]
"""The tensors that will hold a new value, and what writes it there."""


class InPlace:
    """Whole tensors, out of autograd's sight."""

    def __init__(self, grad: Tensor, param: Tensor) -> None:
        # The user may want gradients in another dtype than their parameter's.
        self.grad = load((grad.to_dense() if grad.is_sparse else grad).to(param.dtype))

    @classmethod
    def reader(cls, options: Mapping[str, Any]) -> Callable[[str], Any]:
        """Make the function by which a formula reads its options."""
        return lambda name: cls.option(options[name])

    @classmethod
    def option(cls, value: Any) -> Any:
        """Turn what is a number, or a tensor of one, into what formulas compute with; leave everything else."""
        if isinstance(value, tuple | list):
            return tuple(cls.option(item) for item in value)
        return cls.number(value) if is_number(value) else value

    @staticmethod
    def number(value: Any) -> Any:
        """Read one number."""
        return Number(value)

    def places(self, param: Tensor) -> Tensor:
        """Number the elements that are read."""
        return stored.places(param)

    def read(self, form: Format, parts: Sequence[Tensor], param: Tensor) -> Tensor:
        """Read a parameter or state as numbers to compute with."""
        return stored.read(form, [part.detach() for part in parts], param)

    def apart(self, value: Any, written: Sequence[Tensor]) -> Any:
        """Copy a result that lies where something will be written: the formula has passed on what it was given."""
        if type(value) not in PLAIN:
            return value
        storage = value.untyped_storage()._cdata
        return value.clone() if any(each.untyped_storage()._cdata == storage for each in written) else value

    def write(
        self, form: Format, parts: Sequence[Tensor], value: Any, param: Tensor, draw: Callable[[int], Tensor]
    ) -> Written:
        """Write a new value."""
        pairs = stored.written(form, [part.detach() for part in parts], value, param, draw)
        return parts, [partial(as_real(part).copy_, as_tensor(own)) for part, own in pairs]

    def write_number(self, number: Any, value: Any) -> tuple[Any, Sequence[Change]]:
        """Write one number."""
        return (number, [partial(number.fill_, value)]) if isinstance(number, Tensor) else (float(value), ())


class InGraph(InPlace):
    """Whole tensors, every operation recorded: nothing that autograd has seen is overwritten."""

    def apart(self, value: Any, written: Sequence[Tensor]) -> Any:
        """Leave it: what was read was a copy."""
        return value

    @staticmethod
    def number(value: Any) -> Any:
        """Keep a tensor one, without dimensions that would spread."""
        return value.reshape(()) if isinstance(value, Tensor) else Number(value)

    def read(self, form: Format, parts: Sequence[Tensor], param: Tensor) -> Tensor:
        """Read a copy: the parameter itself changes later."""
        return load(parts[0].clone())

    def write(
        self, form: Format, parts: Sequence[Tensor], value: Any, param: Tensor, draw: Callable[[int], Tensor]
    ) -> Written:
        """Make a new tensor of the old one's format; the parameter itself changes where it is, as its owner expects."""
        (old,) = parts
        if old is param:
            return parts, [lambda: as_real(param).copy_(value)]
        real = as_tensor(value).to(old.device, old.dtype.to_real()).expand_as(as_real(old))
        return [torch.view_as_complex(real) if old.is_complex() else real], ()

    def write_number(self, number: Any, value: Any) -> tuple[Any, Sequence[Change]]:
        """Make a new number of the old one's format."""
        return value.to(number.dtype) if isinstance(value, Tensor) else torch.full_like(number, value), ()


class Touched(InPlace):
    """The elements that a sparse gradient has values for; the others are not even read."""

    def __init__(self, grad: Tensor, param: Tensor) -> None:
        together = grad.coalesce()
        # A single number has no index: it is its own only element.
        self.indices = tuple(together.indices()) or (slice(0, together.values().shape[0]),)
        self.grad = load(together.values().to(param.dtype))

    def places(self, param: Tensor) -> Tensor:
        """Number the elements that are read."""
        return _listed(super().places(param))[self.indices]

    def read(self, form: Format, parts: Sequence[Tensor], param: Tensor) -> Tensor:
        """Gather the elements."""
        return super().read(form, [_listed(part.detach())[self.indices] for part in parts], param)

    def write(
        self, form: Format, parts: Sequence[Tensor], value: Any, param: Tensor, draw: Callable[[int], Tensor]
    ) -> Written:
        """Scatter them back."""
        whole = [_listed(part.detach()) for part in parts]
        some = [part[self.indices] for part in whole]
        stored.write(form, some, value, param, draw)
        return parts, [partial(part.__setitem__, self.indices, new) for part, new in zip(whole, some, strict=True)]


def _listed(part: Tensor) -> Tensor:
    """View a single number as a list of one."""
    return part if part.dim() else part.view(1)
