"""What is solved for: a tensor, a list or dict of tensors, or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..function.given_numbers import numbers_of
from ..function.objective import Point
from ..run.descend import Callback
from ..run.result import Result
from ..scipy_names.callbacks import callback_read
from ..scipy_names.fields import Fields, Later
from .implicit import differentiable_answer, underived


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
            self.structure = leaf(x0 if isinstance(x0, Tensor) else at_least_flat(numbers_of("x0", x0)))
            self.leaves = [self.structure]
        self.size = sum(leaf.numel() * (2 if leaf.is_complex() else 1) for leaf in self.leaves)
        """How many real numbers there are."""

    @property
    def is_module(self) -> bool:
        """Whether the leaves are the user's own, which may be trained further."""
        return isinstance(self.structure, torch.nn.Module)

    @property
    def names(self) -> list[str]:
        """What the user calls the leaves."""
        if isinstance(self.structure, torch.nn.Module):
            return [name for name, param in self.structure.named_parameters() if param.requires_grad]
        if isinstance(self.structure, Tensor):
            return ["x0"]
        keys = self.structure if isinstance(self.structure, Mapping) else range(len(self.leaves))
        return [f"x0[{key!r}]" for key in keys]

    def answer(self) -> Any:
        """Return a copy of the structure without gradients; a module itself."""
        if isinstance(self.structure, Tensor):
            return self.structure.detach().clone()
        return self.filled([leaf.detach().clone() for leaf in self.leaves])

    def copied(self) -> Unknowns:
        """Return unknowns of the same numbers, which may be moved; a module's are its own."""
        return self if self.is_module else Unknowns(self.answer())

    def filled(self, values: list[Tensor]) -> Any:
        """Return the structure with other tensors in place of its leaves; a module itself."""
        if isinstance(self.structure, Tensor):
            return values[0]
        if isinstance(self.structure, torch.nn.Module):
            return self.structure
        if isinstance(self.structure, Mapping):
            return dict(zip(self.structure, values, strict=True))
        return values

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

    def told(self, callback: Callable[..., object] | None, made: Callable[[Any, Result], Fields]) -> Callback | None:
        """Return the loop's callback for the user's, which wants the structure, or what is `made` of it."""
        if callback is None:
            return None
        read = callback_read(callback)

        def told(_: Point, result: Result) -> object:
            x = self.answer()
            return read(x, made(x, result))

        return told


def at_least_flat(numbers: Tensor) -> Tensor:
    """Return a single number as a vector, as in SciPy: a function may ask for its x[0]."""
    return numbers if numbers.dim() else numbers.reshape(1)


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


def differentiable_fields(answer: Any, later: Later) -> dict[str, Any]:
    """Return the fields of an outcome that change where its answer is to be differentiated."""
    return {"x": answer, "later": underived(later, parts_of(answer))}
