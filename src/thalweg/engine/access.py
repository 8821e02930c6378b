"""How the eager engine reads and writes tensors: in place, in autograd's graph, or where a sparse gradient is."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..formula.number import Number
from ..formula.trace import is_number
from ..state.formats import as_real, load, store


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

    def read(self, tensor: Tensor) -> Tensor:
        """Read a parameter or state as numbers to compute with."""
        return load(tensor.detach())

    def write(self, tensor: Tensor, value: Any) -> Tensor:
        """Write a new value; return the tensor that holds it."""
        store(tensor.detach(), value)
        return tensor

    def write_number(self, tensor: Tensor, value: Any) -> Tensor:
        """Write one number."""
        return tensor.fill_(value)

    def write_param(self, param: Tensor, value: Tensor) -> None:
        """Write the new parameter."""
        self.write(param, value)


class InGraph(InPlace):
    """Whole tensors, every operation recorded: nothing that autograd has seen is overwritten."""

    @staticmethod
    def number(value: Any) -> Any:
        """Keep a tensor one, without dimensions that would spread."""
        return value.reshape(()) if isinstance(value, Tensor) else Number(value)

    def read(self, tensor: Tensor) -> Tensor:
        """Read a copy: the parameter itself changes later."""
        return load(tensor.clone())

    def write(self, tensor: Tensor, value: Tensor) -> Tensor:
        """Make a new tensor of the old one's format."""
        real = value.to(tensor.dtype.to_real())
        return torch.view_as_complex(real) if tensor.is_complex() else real

    def write_number(self, tensor: Tensor, value: Any) -> Tensor:
        """Make a new number of the old one's format."""
        return value.to(tensor.dtype) if isinstance(value, Tensor) else torch.full_like(tensor, value)

    def write_param(self, param: Tensor, value: Tensor) -> None:
        """Change the parameter where it is, as its owner expects; autograd notes it."""
        as_real(param).copy_(value)


class Touched(InPlace):
    """The elements that a sparse gradient has values for; the others are not even read."""

    def __init__(self, grad: Tensor) -> None:
        together = grad.coalesce()
        self.places = tuple(together.indices())
        self.grad = load(together.values())

    def read(self, tensor: Tensor) -> Tensor:
        """Gather the elements."""
        return load(tensor.detach()[self.places])

    def write(self, tensor: Tensor, value: Tensor) -> Tensor:
        """Scatter them back."""
        elements = tensor.detach()[self.places]
        store(elements, value)
        tensor.detach()[self.places] = elements
        return tensor
