"""The same net and the same batches, once per optimizer."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from ...optimizers.closure import ClosureOptimizer
from ..tasks import Data, Task
from ..tasks.digits import DIGITS
from ..tasks.task import first_line
from .choose import Choice
from .training import Step, evaluate, train

Watch = Callable[[Choice, Step], None]


@dataclass
class Run:
    """What came of one optimizer: each step, then the trained net's loss and accuracy."""

    choice: Choice
    optimizer: Optimizer
    steps: list[Step] = field(default_factory=list)
    first_loss: float = nan
    """The loss before the first step, of all that it is trained with."""
    train_loss: float = nan
    test_loss: float = nan
    test_accuracy: float = nan
    error: str = ""
    seed: int = 0

    @property
    def last(self) -> Step:
        """The last step there was."""
        return self.steps[-1] if self.steps else Step(0, 0, nan, 0.0, 0.0)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate it ended with, if it has one."""
        return self.optimizer.param_groups[0].get("lr")

    @property
    def has_learned(self) -> bool:
        """Whether the loss of all that it is trained with is lower than before the first step."""
        return self.train_loss < self.first_loss

    @property
    def has_risen(self) -> bool:
        """Whether the loss has risen by more than itself: what merely learns nothing stays nearer to its start."""
        return self.train_loss > self.first_loss + abs(self.first_loss)

    @property
    def trouble(self) -> str:
        """Why it did not finish well, or nothing."""
        if self.error:
            return self.error
        if not (isfinite(self.last.loss) and isfinite(self.train_loss)):
            return f"diverged at step {self.last.number}"
        return f"diverged: the loss rose to {self.train_loss:.3g}" if self.has_risen else ""


def compare(
    choices: Iterable[Choice],
    data: Data,
    *,
    task: Task = DIGITS,
    epochs: int = 20,
    batch_size: int = 32,
    seed: int = 0,
    seeds: int = 1,
    watch: Watch = lambda choice, step: None,
    ended: Callable[[Run], None] = lambda run: None,
) -> list[Run]:
    """Train a fresh net with each choice, from each of so many seeds, calling ``watch`` after each step."""
    evaluate(task.net(), data[0], task.loss)  # torch's first pass takes 50 ms more: no one's fault
    runs = []
    for choice in choices:
        for own in range(seed, seed + seeds):
            runs.append(run_once(choice, data, task, epochs=epochs, batch_size=batch_size, seed=own, watch=watch))
            ended(runs[-1])
    return runs


def run_once(choice: Choice, data: Data, task: Task, *, epochs: int, batch_size: int, seed: int, watch: Watch) -> Run:
    """Train a net from one seed: its weights, and the order of the data, are the same for every optimizer."""
    train_data, test_data = data
    torch.manual_seed(seed)
    net = task.net()
    run = Run(choice, built(choice, net, whole=batch_size >= len(train_data)), seed=seed)  # type: ignore[arg-type]
    order = torch.Generator().manual_seed(seed)
    batches = DataLoader(train_data, batch_size, shuffle=True, generator=order)
    with one_thread():
        with breaking_off(run), for_evaluation(net):
            run.first_loss = evaluate(net, train_data, task.loss)
        with breaking_off(run):
            follow(run, train(net, run.optimizer, batches, epochs, task.loss), watch)
        with breaking_off(run), for_evaluation(net, run.optimizer):
            run.train_loss = evaluate(net, train_data, task.loss)
            run.test_loss = evaluate(net, test_data, task.loss)
            run.test_accuracy = evaluate(net, test_data, task.accuracy) if task.accuracy else nan
    return run


def built(choice: Choice, net: nn.Module, whole: bool) -> Optimizer:
    """Construct the optimizer; a method that evaluates the loss again is told where each step has another batch."""
    changing = {} if whole or not issubclass(choice.kind, ClosureOptimizer) else {"deterministic": False}
    return Choice(choice.name, choice.kind, {**changing, **choice.options}).build(net)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: as fast on a net this small, and the sums come out alike on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def for_evaluation(*trained: Any) -> Iterator[None]:
    """Let a net, and an optimizer that averages its points, be evaluated as they are used after training."""
    switched = [each for each in trained if hasattr(each, "eval")]
    for each in switched:
        each.eval()
    try:
        yield
    finally:
        for each in switched:
            each.train()


@contextmanager
def breaking_off(run: Run) -> Iterator[None]:
    """Keep what goes wrong in a run: the next one may go well. Of several errors, the first one counts."""
    try:
        yield
    except Exception as error:
        run.error = run.error or first_line(error)


def follow(run: Run, steps: Iterable[Step], watch: Watch) -> None:
    """Keep each step, until the last, or the first whose loss is no number."""
    for step in steps:
        run.steps.append(step)
        watch(run.choice, step)
        if not isfinite(step.loss):
            break
