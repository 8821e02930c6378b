"""A copy of a model and its optimizer, to try rates on: what is copied never learns of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...distributed.replicas import mean_over_processes
from ...optimizer import Optimizer as Ours

Loss = Callable[[nn.Module, Any], Tensor]


ELSEWHERE = (
    "loss(model, batch) must depend on the parameters of the model that it is given, but gives them no gradient: "
    "compute it with that model"
)


class Twin:
    """A model and its optimizer, copied together, so that the one's parameters are the other's."""

    def __init__(self, model: nn.Module, optimizer: Optimizer, group: int | None) -> None:
        self.model, self.optimizer = _together(model, optimizer)
        self.group, self.taken = group, 0
        self.rates = [float(each["lr"]) for each in self._groups()]

    def __deepcopy__(self, memo: dict[int, Any]) -> Twin:
        made = object.__new__(Twin)
        made.__dict__ = vars(self).copy()
        made.model, made.optimizer = _together(self.model, self.optimizer)
        return made

    def steps(self, loss: Loss, batches: Sequence[Any], factors: Sequence[float]) -> Iterator[float]:
        """Train with one batch after the other, each with the groups' rates times its factor; give the losses.

        The last one is infinite where training breaks down.
        """
        for batch, factor in zip(batches, factors, strict=True):
            for group, rate in zip(self._groups(), self.rates, strict=True):
                group["lr"] = rate * factor
            value = self._step(loss, batch)
            yield value
            if not isfinite(value):
                return

    def _groups(self) -> list[dict[str, Any]]:
        """Give the groups whose rates are changed: the optimizer's own, as a copy has others."""
        groups = self.optimizer.param_groups
        return groups if self.group is None else [groups[self.group]]

    def _step(self, loss: Loss, batch: Any) -> float:
        losses: list[Tensor] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            losses.append(checked(loss(self.model, batch)))
            losses[-1].backward()  # type: ignore[no-untyped-call]
            if all(param.grad is None for param in self.model.parameters()):
                raise ValueError(ELSEWHERE)
            return losses[-1]

        with torch.enable_grad():
            self.optimizer.step(closure)  # type: ignore[arg-type]
        self.taken += 1
        value = mean_over_processes(self.model, float(losses[0].detach()))
        return value if isfinite(value) else inf


def _together(model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
    """Copy both, and whatever else the optimizer has: copies of torch's optimizers keep only groups and states.

    What hides a method, as schedulers hide `step`, would step the original, and is left out.
    """
    memo: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in _results(model)}
    copies: tuple[nn.Module, Optimizer] = copy.deepcopy((model, optimizer), memo)
    if not isinstance(optimizer, Ours):
        for name, value in vars(optimizer).items():
            if name not in vars(copies[1]) and not hasattr(type(optimizer), name):
                setattr(copies[1], name, copy.deepcopy(value, memo))
    return copies


def checked(value: Any) -> Tensor:
    """Return a loss; raises TypeError or ValueError for what is none."""
    if not isinstance(value, Tensor):
        raise TypeError(f"loss(model, batch) must return a tensor of one number, but returned {type(value).__name__}")
    if value.numel() != 1:
        raise ValueError(
            f"loss(model, batch) must return a tensor of one number, but its shape is {tuple(value.shape)}: take its "
            "mean"
        )
    if value.is_complex():
        raise ValueError(
            f"loss(model, batch) must return a real number, but its dtype is {value.dtype}: take its abs()"
        )
    if not value.requires_grad:
        raise ValueError(ELSEWHERE)
    return value


def _results(model: nn.Module) -> Iterator[Tensor]:
    """Find what modules have kept of a forward pass: a result of others cannot be copied with its history."""
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                yield value
