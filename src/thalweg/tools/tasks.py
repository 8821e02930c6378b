"""What is learned in a comparison: a net, its data and its loss."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from .range_test.twin import checked

Data = tuple[Dataset[Any], Dataset[Any]]
"""Examples to train with, and others to test with."""


@dataclass(frozen=True)
class Task:
    """Something to learn."""

    name: str
    """What one types to get it: "digits", "text", or my_module:task."""
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


def read_task(name: str) -> Task:
    """Find a task by its name, or the one that a module has, as ``my_module:task``; it may be a function that makes it.

    Raises ValueError, in one sentence, for what is none.
    """
    if name == "digits":
        from .digits import DIGITS

        return DIGITS
    if name == "text":
        from .text import TEXT

        return TEXT
    module, colon, attribute = name.partition(":")
    if not (colon and module and attribute):
        raise ValueError(f"there is no task {name!r}: write digits, text, or my_module:task for one of your own")
    return _of_module(name, module, attribute)


def _of_module(name: str, module: str, attribute: str) -> Task:
    """Import a module from where one is, as ``python -m`` does, and take the task out of it."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(import_module(module), attribute)
        task = found if isinstance(found, Task) or not callable(found) else found()
    except Exception as error:
        raise ValueError(f"the task {name} cannot be had: {type(error).__name__}: {_first_line(error)}") from error
    if not isinstance(task, Task):
        raise ValueError(
            f"{name} must be a thalweg.tools.tasks.Task, or a function that makes one, but got {type(task).__name__}"
        )
    return task


def check_task(task: Task) -> None:
    """Try a task before anything is trained; raises ValueError, in one sentence, for one that cannot be trained."""
    try:
        net = task.net()
        if not list(net.parameters()):
            raise ValueError("its net has no parameters, so there is nothing to train")
        train, _ = task.data()
        batch = next(iter(DataLoader(train, task.batch_size)), None)
        if batch is None:
            raise ValueError("its data is empty")
        checked(task.loss(net, batch))
    except Exception as error:
        raise ValueError(f"the task {task.name} cannot be trained: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
