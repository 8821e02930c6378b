"""The user's closure as a function of one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .given_numbers import is_whole, numbers_of
from .no_gradient import NoGradientError, slopes_of
from .vector import Vector
from .weighed import weighed_slopes

Closure = Callable[[], Any]


class ClosureFunction:
    """Writes a vector into the parameters, runs the closure, reads the gradient.

    Raises TypeError, ValueError or RuntimeError for a closure that does not return a loss or leaves no gradient.
    """

    def __init__(self, owner: str, vector: Vector, closure: Closure, maximize: bool = False) -> None:
        self.owner = owner
        self.vector = vector
        self.closure = closure
        self.maximize = maximize

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient at x."""
        self.vector.write(x)
        torch.clear_autocast_cache()  # parameters that autocast has rounded and remembers are of another point
        is_on = torch.is_grad_enabled()
        torch._C._set_grad_enabled(True)  # a block would take three times as long, at every evaluation
        try:
            loss = self.closure()
        finally:
            torch._C._set_grad_enabled(is_on)
        if type(loss) is not Tensor or loss.dim() or not loss.is_floating_point():
            loss = self._read(loss)
        gradient = self.vector.gradient()
        if gradient is None:
            gradient = self._differentiated(loss)
        if self.vector.is_shared:
            loss, gradient = self.vector.agreed(loss, gradient)
        return (-loss, gradient.neg_()) if self.maximize else (loss, gradient)

    def _read(self, loss: Any) -> Tensor:
        """Return what else a closure may return for a loss as a tensor of no dimensions."""
        if loss is None:
            raise TypeError(f"{self.owner}.step got a closure that returned None: end it with `return loss`")
        if is_whole(loss):
            raise TypeError(
                f"{self.owner}.step needs a closure that returns the loss as a float, but got "
                f"{getattr(loss, 'dtype', loss)}: return what backward was called on"
            )
        loss = numbers_of(f"the loss that {self.owner}'s closure returns", loss)
        if loss.numel() != 1 or loss.is_complex():
            raise ValueError(
                f"{self.owner}.step needs a closure that returns one real number, but its loss has shape "
                f"{tuple(loss.shape)} and dtype {loss.dtype}: return loss.mean() or loss.sum()"
            )
        return loss if loss.dim() == 0 else scalar(loss)

    def _differentiated(self, loss: Tensor) -> Tensor:
        """Return a gradient of no numbers where the loss is none either: the point lies outside its domain."""
        if bool(loss.detach().isfinite()):
            raise no_gradient(self.owner)
        return torch.full((self.vector.size,), float("nan"), dtype=self.vector.dtype, device=self.vector.device)


class TwiceDifferentiable(ClosureFunction):
    """The same, and products with the Hessian: by autograd, or by differences where the closure ran backward itself."""

    def __init__(self, owner: str, vector: Vector, closure: Closure, maximize: bool = False) -> None:
        super().__init__(owner, vector, closure, maximize)
        self.x = torch.empty(0)
        self.slopes: Sequence[Tensor] = ()
        self.flat = torch.empty(0)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient at x."""
        self.vector.clear_gradients()
        self.slopes = ()
        value, gradient = super().__call__(x)
        self._keep_graph()
        # What is returned may be changed to other units in place; differences need it as it is.
        self.x, self.flat = x, gradient if self.slopes else gradient.clone()
        return value, gradient

    def _differentiated(self, loss: Tensor) -> Tensor:
        """Return the gradient where the closure has left none."""
        if loss.requires_grad and not self.vector.has_leaves:
            # torch differentiates by sharded parameters themselves; products with the Hessian are then differences.
            loss.backward()  # type: ignore[no-untyped-call]
            gradient = self.vector.gradient()
            return super()._differentiated(loss) if gradient is None else gradient
        with torch.enable_grad():
            slopes = slopes_of(loss, self.vector.tensors) if loss.requires_grad else None
        if slopes is None:
            return super()._differentiated(loss)
        self.slopes = slopes
        return self.vector.flatten(slopes)

    def _keep_graph(self) -> None:
        """Keep the graph of the gradient that the closure left, if it has one (`create_graph=True`)."""
        gradients = [tensor.grad for tensor in self.vector.tensors]
        if any(gradient is not None and gradient.requires_grad for gradient in gradients):
            pairs = zip(gradients, self.vector.tensors, strict=True)
            self.slopes = [torch.zeros_like(tensor) if grad is None else grad for grad, tensor in pairs]
            for tensor in self.vector.tensors:
                tensor.grad = None if tensor.grad is None else tensor.grad.detach()

    def times(self, vector: Tensor) -> Tensor:
        """Return the Hessian at the last point times `vector`."""
        return self._exactly(vector) if self.slopes else self._by_differences(vector)

    def _exactly(self, vector: Tensor) -> Tensor:
        parts = self.vector.unflatten(vector)
        curved = [(slope, part) for slope, part in zip(self.slopes, parts, strict=True) if slope.requires_grad]
        if not curved:
            return torch.zeros_like(vector)
        outputs, weights = zip(*curved, strict=True)
        product = weighed_slopes(
            outputs, weights, self.vector.tensors, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        flat = self.vector.flatten(product)
        return flat.neg_() if self.maximize else flat

    def _by_differences(self, vector: Tensor) -> Tensor:
        """Nocedal & Wright 2006, "Numerical Optimization", equation 8.20: a forward difference of two gradients."""
        move = vector if self.vector.scale is None else vector * self.vector.scale
        epsilon = torch.finfo(vector.dtype).eps ** 0.5
        step = epsilon * (1 + torch.linalg.vector_norm(self.x)) / torch.linalg.vector_norm(move)
        x, flat = self.x, self.flat
        shifted = self(x + step * move)[1]
        self.vector.write(x)
        self.x, self.flat = x, flat
        return (shifted - flat).div_(step)


def check_unmoved(owner: str, vector: Vector, x: Tensor) -> None:
    """Raise ValueError for a closure that has moved the parameters from x, and bring them back."""
    # Parameters are not written where they are right: that would spoil the graph for products with the Hessian.
    left = vector.read() if vector.has_leaves else x
    if torch.equal(left, x) or torch.equal(left.nan_to_num(), x.nan_to_num()):
        return
    vector.write(x)
    raise ValueError(
        f"{owner}.step got a closure that changes the parameters, which are the method's to move: compute the loss "
        "where they are, and clamp or normalize a copy of them"
    )


def scalar(loss: Tensor) -> Tensor:
    """Return a loss of one element without its dimensions, still differentiable."""
    with torch.enable_grad():
        return loss.reshape(())


def no_gradient(owner: str) -> NoGradientError:
    """Return the error for a closure that leaves no gradient."""
    return NoGradientError(
        f"{owner}.step got a closure after which no parameter has a gradient: call loss.backward() in it, on a loss "
        "that depends on the optimizer's parameters"
    )
