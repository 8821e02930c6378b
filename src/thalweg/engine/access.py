"""How the eager engine reads and writes tensors: in place, in autograd's graph, or where a sparse gradient is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..formula.number import Number
from ..formula.trace import is_number
from ..state import stored
from ..state.formats import Format, as_real, load


class InPlace:
    """Whole tensors, out of autograd's sight."""

    def __init__(self, grad: Tensor) -> None:
        self.grad = load(grad.to_dense() if grad.is_sparse else grad)

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

    def write(
        self, form: Format, parts: Sequence[Tensor], value: Any, param: Tensor, draw: Callable[[int], Tensor]
    ) -> Sequence[Tensor]:
        """Write a new value; return the tensors that hold it."""
        stored.write(form, [part.detach() for part in parts], value, param, draw)
        return parts

    def write_number(self, tensor: Tensor, value: Any) -> Tensor:
        """Write one number."""
        return tensor.fill_(value)


class InGraph(InPlace):
    """Whole tensors, every operation recorded: nothing that autograd has seen is overwritten."""

    @staticmethod
    def number(value: Any) -> Any:
        """Keep a tensor one, without dimensions that would spread."""
        return value.reshape(()) if isinstance(value, Tensor) else Number(value)

    def read(self, form: Format, parts: Sequence[Tensor], param: Tensor) -> Tensor:
        """Read a copy: the parameter itself changes later."""
        return load(parts[0].clone())

    def write(
        self, form: Format, parts: Sequence[Tensor], value: Any, param: Tensor, draw: Callable[[int], Tensor]
    ) -> Sequence[Tensor]:
        """Make a new tensor of the old one's format; the parameter itself changes where it is, as its owner expects."""
        (old,) = parts
        if old is param:
            as_real(param).copy_(value)
            return parts
        real = torch.as_tensor(value).to(old.dtype.to_real()).expand_as(as_real(old))
        return [torch.view_as_complex(real) if old.is_complex() else real]

    def write_number(self, tensor: Tensor, value: Any) -> Tensor:
        """Make a new number of the old one's format."""
        return value.to(tensor.dtype) if isinstance(value, Tensor) else torch.full_like(tensor, value)


class Touched(InPlace):
    """The elements that a sparse gradient has values for; the others are not even read."""

    def __init__(self, grad: Tensor) -> None:
        together = grad.coalesce()
        self.indices = tuple(together.indices())
        self.grad = load(together.values())

    def places(self, param: Tensor) -> Tensor:
        """Number the elements that are read."""
        return super().places(param)[self.indices]

    def read(self, form: Format, parts: Sequence[Tensor], param: Tensor) -> Tensor:
        """Gather the elements."""
        return super().read(form, [part.detach()[self.indices] for part in parts], param)

    def write(
        self, form: Format, parts: Sequence[Tensor], value: Any, param: Tensor, draw: Callable[[int], Tensor]
    ) -> Sequence[Tensor]:
        """Scatter them back."""
        some = [part.detach()[self.indices] for part in parts]
        super().write(form, some, value, param, draw)
        for part, elements in zip(parts, some, strict=True):
            part.detach()[self.indices] = elements
        return parts
