"""Many parameters as one vector of real numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from operator import attrgetter

import torch
from torch import Tensor

# What each evaluation asks for, without a frame of Python for each tensor.
_item, _grad = Tensor.item, attrgetter("grad")

ORDINARY = 1e3
"""Step lengths beyond this are looked at: may they be taken in the dtype, and at all?"""


class Vector:
    """The parameters, read and written as one flat real vector.

    A complex number counts as two reals. Several dtypes meet in the widest, several devices on the first
    parameter's. A scale per tensor makes a new unit of length: one unit of the direction moves the tensor by its
    scale, and its gradient is measured in that unit.
    """

    has_leaves = True
    """True if the tensors are what a loss is computed from, and may be differentiated by."""
    is_shared = False
    """True if other processes have parts of the loss and of the gradient."""

    def __init__(self, tensors: Sequence[Tensor], scales: Sequence[float] | None = None) -> None:
        self.tensors = list(tensors)
        self.reals = [real_view(tensor.detach()) for tensor in self.tensors]
        self.sizes = [real.numel() for real in self.reals]
        self.device = self.reals[0].device
        self._alone = len(self.reals) == 1
        self.dtype = self.reals[0].dtype if self._alone else widest(real.dtype for real in self.reals)
        self.scale = self._scale(scales or [1.0])
        self._alike = self._alone or all(r.device == self.device and r.dtype == self.dtype for r in self.reals)
        self._flat = [real.flatten() for real in self.reals] if all(map(dense, self.reals)) else []

    @property
    def size(self) -> int:
        """How many real numbers there are."""
        return sum(self.sizes)

    def read(self) -> Tensor:
        """Return a copy of the values, shape (size,)."""
        return self._flat[0].clone() if self._alone and self._flat else self._join([r.reshape(-1) for r in self.reals])

    def write(self, values: Tensor) -> None:
        """Put `values`, shape (size,), into the parameters."""
        if len(self._flat) == 1:
            self._flat[0].copy_(values)
        elif self._flat:
            torch._foreach_copy_(self._flat, torch.split(values, self.sizes))
        else:
            for real, part in zip(self.reals, torch.split(values, self.sizes), strict=True):
                real.copy_(part.view(real.shape))

    def gradient(self) -> Tensor | None:
        """Return a copy of the parameters' gradients, in units of the scale; zeros for those without, None for none."""
        if self._alone:
            gradient = self.tensors[0].grad
            if gradient is None:
                return None
            is_flat = gradient.dim() == 1 and gradient.dtype is self.dtype and gradient.layout is torch.strided
            return gradient.clone() if is_flat and self.scale is None else self._flattened(gradient)
        gradients = list(map(_grad, self.tensors))
        if gradients[0] is None and not any(gradient is not None for gradient in gradients):
            return None
        return self.flatten(gradients)

    def flatten(self, gradients: Sequence[Tensor | None]) -> Tensor:
        """Return one gradient per parameter as one vector, in units of the scale."""
        if self._alone and gradients[0] is not None:
            return self._flattened(gradients[0])
        flat = self._join([self._part(i, gradient) for i, gradient in enumerate(gradients)])
        return flat if self.scale is None else flat.mul_(self.scale)

    def unflatten(self, direction: Tensor) -> list[Tensor]:
        """Return `direction` cut into pieces shaped like the parameters, scaled to their units."""
        moved = direction if self.scale is None else direction * self.scale
        parts = torch.split(moved, self.sizes)
        return [like(part, tensor) for part, tensor in zip(parts, self.tensors, strict=True)]

    def agreed(self, loss: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Return a loss and its gradient as all processes have them; here there is but one."""
        return loss, gradient

    def clear_gradients(self) -> None:
        """Forget the parameters' gradients."""
        for tensor in self.tensors:
            tensor.grad = None

    def _flattened(self, gradient: Tensor) -> Tensor:
        """Return the gradient of the only parameter as a vector of its own."""
        if gradient.dtype is self.dtype and not gradient.is_sparse:
            flat = (gradient if gradient.dim() == 1 else gradient.flatten()).clone()
        else:
            flat = self._part(0, gradient).clone()
        return flat if self.scale is None else flat.mul_(self.scale)

    def _part(self, index: int, gradient: Tensor | None) -> Tensor:
        if gradient is None:
            return torch.zeros(self.sizes[index], dtype=self.dtype, device=self.device)
        dense_gradient = gradient.to_dense() if gradient.is_sparse else gradient
        real = real_view(dense_gradient.detach()).reshape(-1)
        return real.to(self.dtype) if self._alike else real

    def _join(self, parts: list[Tensor]) -> Tensor:
        if not self._alike:
            parts = [part.to(self.device, self.dtype) for part in parts]
        return torch.cat(parts)

    def _scale(self, scales: Sequence[float]) -> Tensor | None:
        if set(scales) == {1.0}:
            return None
        parts = [
            torch.full((size,), scale, dtype=torch.float64, device=self.device)
            for size, scale in zip(self.sizes, scales, strict=True)
        ]
        return torch.cat(parts).to(self.dtype)


def read_numbers(*scalars: Tensor) -> list[float]:
    """Return tensors of one element as floats; one wait for the device, however many there are."""
    if scalars[0].is_cpu:
        return list(map(_item, scalars))
    numbers: list[float] = torch.stack([scalar.double().reshape(()) for scalar in scalars]).tolist()
    return numbers


@cache
def machine_epsilon(dtype: torch.dtype) -> float:
    """Return the rounding of a number next to one."""
    return torch.finfo(dtype).eps


def dot(one: Tensor, two: Tensor) -> Tensor:
    """Return the scalar product, in float64: in float32 it could leave the range, and slopes lose half their digits."""
    if one.dtype is torch.float64:
        return torch.dot(one, two)
    wide = accurate(one.device)
    return torch.dot(one.to(wide), two.to(wide))


def read_with_product(scalar: Tensor, one: Tensor, two: Tensor) -> tuple[float, float]:
    """Return a tensor of one element, and a scalar product, as floats; one wait for the device."""
    if scalar.is_cpu and one.dtype is torch.float64:
        return scalar.item(), torch.dot(one, two).item()
    number, product = read_numbers(scalar, dot(one, two))
    return number, product


def product(one: Tensor, two: Tensor) -> float:
    """Return the scalar product as a number; waits for the device."""
    number: float = (torch.dot(one, two) if one.dtype is torch.float64 else dot(one, two)).item()
    return number


def moved(x: Tensor, direction: Tensor, alpha: float) -> Tensor:
    """Return x + alpha d; a step length that may leave the range of a narrow dtype has its power of two in d.

    Nothing of that is rounded, so a loss in other units takes the same steps.
    """
    if abs(alpha) <= ORDINARY:
        return torch.add(x, direction, alpha=alpha)
    fraction, exponent = math.frexp(alpha)
    longer = direction.to(accurate(x.device)) * math.ldexp(0.5, exponent)
    return torch.add(x, longer.to(x.dtype), alpha=2 * fraction)


def largest(vector: Tensor) -> Tensor:
    """Return the largest magnitude in `vector`, zero where it is empty."""
    return torch.linalg.vector_norm(vector, float("inf")) if vector.numel() else vector.sum()


def size(vector: Tensor) -> float:
    """Return the largest magnitude in `vector` as a number; waits for the device."""
    return read_numbers(largest(vector))[0]


def accurate(device: torch.device) -> torch.dtype:
    """Return the widest dtype a device computes in: float64, except where there is none."""
    return torch.float32 if device.type == "mps" else torch.float64


def real_view(tensor: Tensor) -> Tensor:
    """Return `tensor` itself, or a complex one as pairs of reals."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def like(part: Tensor, tensor: Tensor) -> Tensor:
    """Return a flat real `part` with the shape, dtype and device of `tensor`."""
    real = real_view(tensor.detach())
    shaped = part.view(real.shape).to(real.device, real.dtype)
    return torch.view_as_complex(shaped) if tensor.is_complex() else shaped


def dense(tensor: Tensor) -> bool:
    """Return whether `tensor` lies in memory in the order of its indices."""
    return tensor.is_contiguous()


def widest(dtypes: Iterable[torch.dtype]) -> torch.dtype:
    """Return the dtype that holds all of `dtypes`."""
    result: torch.dtype | None = None
    for dtype in dtypes:
        result = dtype if result is None else torch.promote_types(result, dtype)
    assert result is not None
    return result


def fits(x: Tensor, vector: Vector) -> bool:
    """Return whether a point is one of the vector's, in size, dtype and device."""
    return (x.numel(), x.dtype, x.device) == (vector.size, vector.dtype, vector.device)


def alike(one: Tensor | None, two: Tensor | None) -> bool:
    """Return whether two scales, None for all ones, are the same."""
    if one is None or two is None:
        return one is two
    return torch.equal(one, two)
