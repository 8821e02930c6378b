"""Train a net with one optimizer, and measure every step."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import nan
from time import perf_counter
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from ...beyond_gradients.with_hessian import WithHessian, hutchinson
from ...beyond_gradients.with_samples import WithSamples

AT_ONCE = 2048
"""How many examples are evaluated together."""


class Step(NamedTuple):
    """What was measured once a step was done; both times count from the start of training."""

    number: int
    epoch: int
    loss: float
    seconds: float
    seconds_in_step: float


class Stopwatch:
    """The seconds spent in its ``with`` blocks, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._started = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter() - self._started


def train(
    net: nn.Module, optimizer: Optimizer, batches: Iterable[Any], epochs: int, loss: Callable[[nn.Module, Any], Tensor]
) -> Iterator[Step]:
    """Go through the batches once an epoch, and tell after each step how it went."""
    began, in_step, number = perf_counter(), 0.0, 0
    for epoch in range(1, epochs + 1):
        for batch in batches:
            number += 1
            value, seconds = take_step(optimizer, partial(loss, net, batch), number)
            in_step += seconds
            yield Step(number, epoch, value, perf_counter() - began, in_step)


def take_step(optimizer: Optimizer, compute: Callable[[], Tensor], number: int) -> tuple[float, float]:
    """Lower the loss of one batch; give it, and the optimizer's own seconds."""
    if isinstance(optimizer, WithHessian) and not isinstance(optimizer, WithSamples):
        return take_step_with_hessian(optimizer, compute, number)
    whole, in_closure = Stopwatch(), Stopwatch()

    def closure() -> Any:
        with in_closure:
            optimizer.zero_grad()
            loss = compute()
            loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with whole:
        loss: Any = optimizer.step(closure)
    return loss.item(), whole.seconds - in_closure.seconds


def take_step_with_hessian(optimizer: WithHessian, compute: Callable[[], Tensor], number: int) -> tuple[float, float]:
    """Lower the loss of one batch, with an estimate of the Hessian's diagonal: in each step, or in every tenth."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    optimizer.zero_grad()
    loss = compute()
    hessian = hutchinson(params, loss) if optimizer.needs_hessian or number % 10 == 1 else None
    loss.backward()  # type: ignore[no-untyped-call]
    with Stopwatch() as watch:
        optimizer.step(hessian=hessian)
    return loss.item(), watch.seconds


@torch.no_grad()
def evaluate(net: nn.Module, data: Dataset[Any], measure: Callable[[nn.Module, Any], Tensor]) -> float:
    """Give the mean of a measure over data."""
    total, count = 0.0, 0
    for batch in DataLoader(data, AT_ONCE):
        size = min(AT_ONCE, len(data) - count)  # type: ignore[arg-type]
        total, count = total + float(measure(net, batch)) * size, count + size
    return total / count if count else nan
