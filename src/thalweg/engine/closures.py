"""The closure of a step: run with gradients enabled, and seen to have done its work."""

from collections.abc import Callable
from typing import Any

import torch

from ..described import described
from ..state.interrupts import keeping_grad_mode


def check_closure(owner: str, closure: Any) -> None:
    """Raise TypeError for a closure that is no function."""
    if not callable(closure):
        raise TypeError(
            f"{owner}.step takes a closure, a function without arguments that computes the loss and its gradients, but "
            f"got {described(closure)}"
        )


@keeping_grad_mode
def evaluate(optimizer: Any, closure: Callable[[], Any]) -> Any:
    """Return a closure's loss, or None where it returns none, as trainers do that have called backward themselves.

    Raises TypeError if there is neither a loss nor a gradient, RuntimeError if no parameter got a gradient.
    """
    name = type(optimizer).__name__
    check_closure(name, closure)
    with torch.enable_grad():
        loss = closure()
    if optimizer._in_backward:
        return loss
    params = [param for group in optimizer.param_groups for param in group["params"]]
    if any(param.requires_grad for param in params) and all(param.grad is None for param in params):
        if loss is None:
            raise TypeError(f"{name}.step got a closure that returned None: end it with `return loss`")
        raise RuntimeError(
            f"{name}.step got a closure after which no parameter has a gradient: call loss.backward() in it, on a loss "
            "that depends on the optimizer's parameters"
        )
    return loss
