"""Train a net with one optimizer, and measure every step."""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import TensorDataset


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

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter() - self._started


def train(net: nn.Module, optimizer: Optimizer, batches: Iterable[list[Tensor]], epochs: int) -> Iterator[Step]:
    """Go through the batches once an epoch, and tell after each step how it went."""
    began, in_step, number = perf_counter(), 0.0, 0
    for epoch in range(1, epochs + 1):
        for images, targets in batches:
            loss, seconds = take_step(net, optimizer, images, targets)
            in_step, number = in_step + seconds, number + 1
            yield Step(number, epoch, loss, perf_counter() - began, in_step)


def take_step(net: nn.Module, optimizer: Optimizer, images: Tensor, targets: Tensor) -> tuple[float, float]:
    """Lower the negative log likelihood of one batch; give it, and the optimizer's own seconds."""
    whole, in_closure = Stopwatch(), Stopwatch()

    def closure() -> Any:
        with in_closure:
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(net(images), targets)
            loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with whole:
        loss: Any = optimizer.step(closure)
    return loss.item(), whole.seconds - in_closure.seconds


@torch.no_grad()
def evaluate(net: nn.Module, data: TensorDataset) -> tuple[float, float]:
    """Give the mean negative log likelihood of ``data``, and the share of right answers."""
    images, targets = data.tensors
    log_probabilities = net(images)
    loss = nn.functional.nll_loss(log_probabilities, targets)
    accuracy = (log_probabilities.argmax(dim=1) == targets).double().mean()
    return loss.item(), accuracy.item()
