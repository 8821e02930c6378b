"""The losses of a batch: each row is given its own rows of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ...function.given_numbers import described


class Differentiable(Protocol):
    """Losses of rows with their gradients."""

    def differentiated(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and gradients of the rows `index` at x."""
        ...


@dataclass(frozen=True, slots=True)
class RowLosses:
    """The user's function of some rows x, shape (b, n), and of as many rows of each of `args`, to b losses."""

    fun: Callable[..., Tensor]
    args: Sequence[Tensor]
    batch: int

    def of(self, index: Tensor) -> RowLosses:
        """Return the losses of some rows alone."""
        return RowLosses(self.fun, [arg[index] for arg in self.args], self.batch)

    def differentiated(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and gradients of the rows `index` at x; one backward pass, since no row sees another.

        Raises ValueError or TypeError for what is not one real number per row.
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            value = self._checked(self._values(x, index), x)
            (gradient,) = torch.autograd.grad(value.sum(), x)
        return value.detach(), gradient

    def _values(self, x: Tensor, index: Tensor) -> Any:
        try:
            return self.fun(x, *(arg[index] for arg in self.args))
        except (RuntimeError, IndexError) as error:
            if len(x) == self.batch:
                raise
            raise RuntimeError(
                f"minimize(batched=True) gives fun those rows that are still at work, and it failed for {len(x)} of "
                f"{self.batch}: pass what belongs to a row in args, where each row is given its own"
            ) from error

    def _checked(self, value: Any, x: Tensor) -> Tensor:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"minimize(batched=True) needs fun to return a tensor of one loss per row, but got {described(value)}"
            )
        if value.shape != x.shape[:1]:
            raise ValueError(
                f"minimize(batched=True) needs fun to return one number per row, shape {tuple(x.shape[:1])}, but got "
                f"{tuple(value.shape)}; what belongs to a row must be in args"
            )
        if value.is_complex():
            raise TypeError(
                f"minimize(batched=True) needs fun to return real numbers, but their dtype is {value.dtype}: take "
                "abs() or .real"
            )
        return value
