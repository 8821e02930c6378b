"""What is written where it is kept once everything else is known, so that nothing holds its new value until then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...formula.matrices.matrix_products import add_product, add_symmetric


@dataclass(frozen=True)
class Later:
    """What a product is added to."""

    old: Tensor
    factors: tuple[Tensor, Tensor]
    shares: tuple[float, float]
    is_symmetric: bool
    number: float = 1.0
    """What the sum is multiplied by, as weights that decay are."""

    @property
    def read(self) -> tuple[Tensor, ...]:
        """Give what must not change until then."""
        return self.factors

    def new(self) -> Tensor:
        """Calculate it as a tensor of its own."""
        return self.into(torch.empty_like(self.old))

    def into(self, out: Tensor) -> Tensor:
        """Calculate it in a tensor, which may be the old one."""
        add = add_symmetric if self.is_symmetric else add_product
        made = add(out if out.data_ptr() == self.old.data_ptr() else self.old, *self.factors, *self.shares, out)
        return made if is_one(self.number) else made.mul_(self.number)


@dataclass(frozen=True)
class Again:
    """What a gradient is taken into: a pass over three tensors, as it would take to copy what was held."""

    how: str
    old: Tensor
    grad: Tensor
    weight: float

    @property
    def read(self) -> tuple[Tensor, ...]:
        """Give what must not change until then."""
        return (self.grad,)

    def new(self) -> Tensor:
        """Calculate it as a tensor of its own."""
        return taken_in(self.how, self.old, self.grad, self.weight)

    def into(self, out: Tensor) -> Tensor:
        """Calculate it where the old one is."""
        return taken_in(self.how, out, self.grad, self.weight, out)


def taken_in(how: str, old: Tensor, new: Tensor, weight: float, out: Tensor | None = None) -> Tensor:
    """Take one tensor into another, in one call."""
    if how == "lerp":
        return torch.lerp(old, new, weight, out=out)
    return (torch.add if how == "add" else torch.sub)(old, new, alpha=weight, out=out)


def is_one(number: Any) -> bool:
    """Tell if a product with it is what it was, as of weights that do not decay."""
    return not isinstance(number, Tensor) and bool(number == 1)
