"""Sharpness as a term of the loss, whose weight may be more or less than SAM gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...hyper import Range, checked_number
from .left_out import count_skipped, is_left_out
from .sharpness import SAM, first_gradients, signs_of


class WSAM(SAM):
    """SAM that gives sharpness a weight of its own: the difference of two gradients, apart from the optimizer's step.

    Yue et al. 2023, "Sharpness-aware minimization revisited: weighted sharpness as a regularization term", algorithms 1
    and 2. https://arxiv.org/abs/2305.15817
    The optimizer steps along the first gradient; then parameters move by lr * gamma / (1 - gamma) times what the second
    one differs from it. With `decouple=False` the optimizer steps along both together. A `gamma` of 0.5 without
    decoupling is SAM, and 0 is the optimizer alone. Everything else is as in SAM. The second move is rounded to the
    parameter's dtype, whatever `rounding` the optimizer has.
    Tune: rho as for SAM; gamma 0.8 to 0.95.

    Raises what SAM raises; ValueError for a gamma outside of [0, 1), and in a step of an optimizer that accumulates
    gradients, with `decouple=True`.
    """

    why_not_in_parts = "it keeps one difference of gradients for each step"

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        rho: float = 0.05,
        gamma: float = 0.9,
        decouple: bool = True,
        eps: float = 1e-12,
    ) -> None:
        self.gamma, self.decouple = checked_number("WSAM", "gamma", gamma, Range(0, 1, below=True)), decouple
        self._differences: dict[Tensor, Tensor] = {}
        self._skipped = 0.0
        super().__init__(optimizer, rho, eps)

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        return *super()._hooks_on(optimizer), optimizer.register_step_post_hook(self._move_on)

    def _look_around(self, optimizer: Any, closure: Callable[[], Any], params: Sequence[Tensor]) -> None:
        if self.decouple:
            _refuse_accumulation(optimizer)
        self._differences, self._skipped = {}, count_skipped(optimizer)
        super()._look_around(optimizer, closure, params)

    _remembered = first_gradients

    def _combine(self, params: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        weight = self.gamma / (1 - self.gamma)
        for param, one in zip(params, first, strict=True):
            if param.grad is None:
                continue
            difference = weight * (param.grad - one)
            if self.decouple:
                self._differences[param] = difference
            param.grad.copy_(one if self.decouple else one + difference)

    @torch.no_grad()
    def _move_on(self, optimizer: Any, *_: Any) -> None:
        """Take the second move, unless the step was left out for gradients that are not finite."""
        differences, self._differences = self._differences, {}
        if is_left_out(optimizer, self._skipped):
            return
        signs = signs_of(optimizer)
        for group in optimizer.param_groups:
            for param in group["params"]:
                if param in differences:
                    param.add_(differences[param], alpha=-signs[param] * float(group["lr"]))


def _refuse_accumulation(optimizer: Any) -> None:
    if any(group.get("accumulate", 1) > 1 for group in optimizer.param_groups):
        raise ValueError(
            "WSAM moves parameters after each closure, but the optimizer only accumulates gradients in some: pass "
            "WSAM(decouple=False), or accumulate gradients within the closure"
        )
