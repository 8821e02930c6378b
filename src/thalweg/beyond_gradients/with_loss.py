"""Optimizers that know the loss: a step is told it, or takes it from the closure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY
from math import isnan
from typing import Any, Literal

from torch import Tensor

from ..hyper import AnyNumber
from ..optimizer import Closure, Optimizer, check_closure
from ..state.layout import whole


class WithLoss(Optimizer):
    """An optimizer whose formula asks for `self.loss`: one number, that of the gradients that it steps along.

    It is what `step(loss=loss)` is given, or what the closure of `step(closure)` returns. Where several processes train
    together, pass the mean of their losses, as their gradients are means. Several gradients are accumulated in `.grad`,
    and their mean loss is passed, since the optimizer would know the last loss alone.
    """

    _: KW_ONLY
    loss: AnyNumber = 0.0
    accumulate: Literal[1] = 1

    def step(self, closure: Closure | None = None, loss: float | Tensor | None = None) -> Any:
        """Take a step, as every optimizer does, with the loss that is given, or that the closure returns.

        A loss on a device stays there, and is not waited for. A closure that returns none may come with a loss, as
        Lightning passes one of its own in manual optimization. Raises TypeError where there is no loss, or where there
        are two, and ValueError for a loss that is not one number; then nothing changes.
        """
        if closure is None:
            self._tell(loss)
            return super().step()
        return super().step(self._told_by(closure, loss))

    # As in Optimizer: hooks and profiler ranges are its own.
    step.hooked = True  # type: ignore[attr-defined]

    def _told_by(self, closure: Closure, given: float | Tensor | None) -> Callable[[], Any]:
        """Let a closure say its loss; one that returns none is refused, unless a loss is given."""
        name = type(self).__name__
        check_closure(name, closure)

        def told() -> Any:
            loss = closure()
            if loss is None and given is None:
                raise TypeError(f"{name}.step got a closure that returned None: end it with `return loss`")
            if loss is not None and given is not None:
                raise TypeError(f"{name}.step got a loss, and a closure that returns one: leave the loss out")
            self._tell(given if loss is None else loss)
            return loss

        return told

    def _tell(self, loss: Any) -> None:
        """Put the loss where the formula finds it."""
        name = type(self).__name__
        if loss is None:
            raise TypeError(
                f"{name}.step needs the loss: call step(loss=loss), or step(closure) with a closure that returns it"
            )
        if isinstance(loss, Tensor) and loss.numel() != 1:
            raise ValueError(
                f"{name}.step needs a loss of one number, but got shape {tuple(loss.shape)}: take its mean"
            )
        is_elsewhere = isinstance(loss, Tensor) and loss.device.type != "cpu"
        self.loss = _number(loss) if is_elsewhere else self._of_finite_steps(float(_number(loss)))

    def _of_finite_steps(self, loss: float) -> float:
        """Give any number for a loss that is none, if the step is left out for its gradients."""
        skips = all(group["skip_nonfinite"] for group in self.param_groups)
        return 0.0 if isnan(loss) and skips else loss


def _number(loss: Any) -> Any:
    """Take a loss without its graph; of one that processes share, all of it."""
    return whole(loss.detach()) if isinstance(loss, Tensor) else loss
