"""What is learned in a comparison: a net, its data and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, SupportsFloat

from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ...described import kind_of
from ..range_test.twin import checked

Data = tuple[Dataset[Any], Dataset[Any]]
"""Examples to train with, and others to test with."""


@dataclass(frozen=True)
class Task:
    """Something to learn."""

    name: str
    """What one types to get it: "digits", "text"; one of your own goes by my_module:task, whatever stands here."""
    title: str
    net: Callable[[], nn.Module]
    """Makes a fresh net, after the seed was set."""
    data: Callable[[], Data]
    loss: Callable[[nn.Module, Any], Tensor]
    """Gives the mean loss of a batch, as a tensor of one number."""
    accuracy: Callable[[nn.Module, Any], Tensor] | None = None
    """Gives the share of a batch that is right, if that is a question."""
    epochs: int = 20
    batch_size: int = 32


def check_task(task: Task) -> None:
    """Try a task before anything is trained; raises ValueError, in one sentence, for one that cannot be trained."""
    try:
        if task.epochs < 1:
            raise ValueError(f"epochs must be 1 or more, but got {task.epochs}")
        net = _net(task)
        train, test = _pair(task.data())
        batch, other = _first_batch(train, task), _first_batch(test, task)
        if batch is None:
            raise ValueError("its data is empty")
        loss = float(checked(task.loss(net, batch)).detach())
        if not isfinite(loss):
            raise ValueError(f"the loss of its first batch is {loss} before any step, so there is nothing to lower")
        if other is not None:
            _check_measures(task, net, other)
    except Exception as error:
        raise ValueError(f"the task {task.name} cannot be trained: {first_line(error)}") from error


def _net(task: Task) -> nn.Module:
    if isinstance(task.net, nn.Module):
        raise ValueError("net must be a function that makes a fresh net, as each run needs its own, but is a net")
    net: Any = task.net()
    if not isinstance(net, nn.Module):
        raise ValueError(f"net() must return a torch.nn.Module, but returned {kind_of(net)}")
    if not any(param.requires_grad for param in net.parameters()):
        raise ValueError("its net has no parameters that take gradients, so there is nothing to train")
    return net


def _pair(data: Any) -> Data:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(f"data() must return two data sets, to train and to test with, but returned {kind_of(data)}")
    train, test = data
    for each in (train, test):
        if not (hasattr(each, "__len__") and hasattr(each, "__getitem__")):
            raise ValueError(
                f"data() must return data sets that have a length, and items by number, but one is of type "
                f"{kind_of(each)}: put its examples into a list"
            )
    return train, test


def _first_batch(data: Dataset[Any], task: Task) -> Any:
    """Draw a batch, or None where nothing is in the data."""
    return next(iter(DataLoader(data, task.batch_size)), None)


def _check_measures(task: Task, net: nn.Module, batch: Any) -> None:
    """Measure on data to test with: before training, and not after the first epoch of it."""
    checked(task.loss(net, batch))
    share = 0.0 if task.accuracy is None else task.accuracy(net, batch)
    if not isinstance(share, SupportsFloat):
        raise ValueError(f"accuracy(net, batch) must return a number, but returned {kind_of(share)}")


def first_line(error: BaseException) -> str:
    """Give what an error says first; what kind it is, if it says nothing, or if only Python would know what it says."""
    said, kind = next(iter(str(error).splitlines()), ""), type(error).__name__
    if not said:
        return kind
    return said if isinstance(error, RuntimeError | TypeError | ValueError) else f"{kind}: {said}"
