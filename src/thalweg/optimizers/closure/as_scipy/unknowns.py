"""What is solved for: a tensor, a list or dict of tensors, or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..function.given_numbers import numbers_of
from ..function.vector import real_view
from ..run.descend import Callback
from ..scipy_names.outcome import Outcome
from ..scipy_names.scipy_words import callback_read
from .implicit import differentiable_answer


class Unknowns:
    """The structure that the user's function sees, and its leaves that the optimizer moves.

    Raises TypeError for what is neither of real nor of complex floats.
    """

    def __init__(self, x0: Any) -> None:
        if isinstance(x0, torch.nn.Module):
            self.structure: Any = x0
            self.leaves = [param for param in x0.parameters() if param.requires_grad]
        elif isinstance(x0, Mapping):
            self.structure = {name: leaf(value) for name, value in x0.items()}
            self.leaves = list(self.structure.values())
        elif isinstance(x0, list | tuple) and any(isinstance(value, Tensor) for value in x0):
            self.structure = [leaf(value) for value in x0]
            self.leaves = self.structure
        else:
            self.structure = leaf(x0)
            self.leaves = [self.structure]

    @property
    def size(self) -> int:
        """How many real numbers there are."""
        return sum(real_view(leaf.detach()).numel() for leaf in self.leaves)

    def answer(self) -> Any:
        """Return a copy of the structure without gradients; a module itself."""
        return self.filled([leaf.detach().clone() for leaf in self.leaves])

    def filled(self, values: list[Tensor]) -> Any:
        """Return the structure with other tensors in place of its leaves; a module itself."""
        if isinstance(self.structure, torch.nn.Module):
            return self.structure
        if isinstance(self.structure, Mapping):
            return dict(zip(self.structure, values, strict=True))
        return values if isinstance(self.structure, list) else values[0]

    def differentiable(self, loss: Callable[[], Tensor], free: Tensor) -> Any:
        """Return the answer as a function of what the loss depends on; raises ValueError for a module."""
        if isinstance(self.structure, torch.nn.Module):
            raise ValueError(
                "differentiable=True needs x0 of tensors, since a module's parameters have no derivative: pass its "
                "parameters as a dict and call the module by torch.func.functional_call"
            )

        def gradient() -> list[Tensor]:
            return list(torch.autograd.grad(loss(), self.leaves, create_graph=True, materialize_grads=True))

        return self.filled(differentiable_answer(gradient, self.leaves, free))

    def nothing_to_move(self, fun: Callable[[Any], Tensor]) -> Outcome:
        """Return the outcome where there are no numbers: what there is, is the answer."""
        with torch.no_grad():
            value = float(fun(self.answer()))
        none = torch.zeros(0, dtype=torch.float64)
        return Outcome(self.answer(), value, none, True, 0, "There is no number to move.", 0, 1, 1, 0)

    def told(self, callback: Callable[..., object] | None, sign: float = 1.0) -> Callback | None:
        """Return the loop's callback for the user's, which wants the structure."""
        if callback is None:
            return None
        read = callback_read(callback)
        return lambda here, result: read(self.answer(), sign * result.value)


def leaf(value: Any) -> Tensor:
    """Return a copy that wants a gradient; numbers become float64."""
    tensor = numbers_of("x0", value)
    if tensor.layout is not torch.strided:
        raise TypeError(f"x0 must be dense, but its layout is {tensor.layout}: pass x0.to_dense()")
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise TypeError(
            f"x0 must be of floats, since gradients are taken, but its dtype is {tensor.dtype}: pass x0.double()"
        )
    return tensor.detach().clone().requires_grad_()


def parts_of(structure: Any) -> list[Any]:
    """Return the tensors of a structure in their order."""
    parts = list(structure.values()) if isinstance(structure, Mapping) else structure
    return list(parts) if isinstance(parts, list | tuple) else [parts]
