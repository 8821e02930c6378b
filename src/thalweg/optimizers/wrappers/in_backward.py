"""Steps inside of backward: each parameter as soon as its gradient is complete, which is freed at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from ...optimizer import Optimizer, plain_step

WHOLE = {
    "max_grad_norm": "the common norm of all gradients is known only when all are there",
    "skip_nonfinite": "whether all gradients are finite is known only when all are there",
    "track": "what is measured of a step is the sum over all parameters",
    "differentiable": "autograd is still at work",
}
"""The options that need all gradients at once, and why."""


class InBackward:
    """The hooks on a model's parameters; `remove()` takes them off, and `optimizer.step()` steps again."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self._look_again()
        hooked = [param for _, param in _all(optimizer) if param.requires_grad]
        # torch has not typed it.
        self.handles = [param.register_post_accumulate_grad_hook(self._step) for param in hooked]  # type: ignore[no-untyped-call]
        optimizer._in_backward = True

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self.handles:
            handle.remove()
        self.optimizer._in_backward = False

    def _look_again(self) -> None:
        """Make an optimizer of each parameter."""
        self.groups, self.state = self.optimizer.param_groups, self.optimizer.state
        self.each = {
            param: self.optimizer.only(group, param, index) for index, (group, param) in enumerate(_all(self.optimizer))
        }

    def _step(self, param: Tensor) -> None:
        # A loaded checkpoint brings other groups and states.
        if self.optimizer.param_groups is not self.groups or self.optimizer.state is not self.state:
            self._look_again()
        plain_step(self.each[param])
        param.grad = None


def in_backward(model: nn.Module, optimizer: Optimizer) -> InBackward:
    """Let `loss.backward()` update each parameter of a model as soon as its gradient is complete, and free that.

    The same numbers come out as of `backward()` and `step()`, and the gradients never lie in memory together. Go on
    calling `optimizer.step()` after each backward: it finds no gradients, runs its hooks, and schedulers count it.
    Gradients of several backwards are gathered with `accumulate=`; `state_dict()` is that of the optimizer.

    Raises ValueError if an option needs all gradients at once, or a parameter of the optimizer is not the model's.
    """
    name = type(optimizer).__name__
    for index, group in enumerate(optimizer.param_groups):
        for option, why in WHOLE.items():
            if group.get(option):
                raise ValueError(
                    f"{name} cannot step in backward with {option}={group[option]!r} (group {index}), since {why}: "
                    "leave it out, or clip each tensor by itself with max_tensor_norm"
                )
    if optimizer.learned:
        raise ValueError(f"{name} cannot step in backward, since it learns from the sums over all gradients of a step")
    own = set(model.parameters())
    strange = [param for _, param in _all(optimizer) if param not in own]
    if strange:
        raise ValueError(
            f"{name} has {len(strange)} parameters that are not the model's, the first of shape "
            f"{tuple(strange[0].shape)}: pass the model whose parameters it was given"
        )
    return InBackward(optimizer)


def _all(optimizer: Optimizer) -> Iterator[tuple[dict[str, Any], Tensor]]:
    return ((group, param) for group in optimizer.param_groups for param in group["params"])
