"""The same net and the same batches, once per optimizer."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite, nan

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from ..optimizers.closure import ClosureOptimizer
from .choose import Choice
from .digits import MNISTNet
from .training import Step, evaluate, train

Watch = Callable[[Choice, Step], None]


@dataclass
class Run:
    """What came of one optimizer: each step, then the trained net's loss and accuracy."""

    choice: Choice
    optimizer: Optimizer
    steps: list[Step] = field(default_factory=list)
    train_loss: float = nan
    test_accuracy: float = nan
    error: str = ""

    @property
    def last(self) -> Step:
        """The last step there was."""
        return self.steps[-1] if self.steps else Step(0, 0, nan, 0.0, 0.0)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate it ended with, if it has one."""
        return self.optimizer.param_groups[0].get("lr")

    @property
    def trouble(self) -> str:
        """Why it did not finish well, or nothing."""
        finite = isfinite(self.last.loss) and isfinite(self.train_loss)
        return self.error or ("" if finite else f"diverged at step {self.last.number}")


def compare(
    choices: Iterable[Choice],
    data: tuple[TensorDataset, TensorDataset],
    *,
    epochs: int = 20,
    batch_size: int = 32,
    seed: int = 0,
    watch: Watch = lambda choice, step: None,
) -> list[Run]:
    """Train a fresh `MNISTNet` with each choice, calling ``watch`` after each step."""
    train_data, test_data = data
    evaluate(MNISTNet(), train_data)  # torch's first pass takes 50 ms more: no one's fault
    runs = []
    for choice in choices:
        torch.manual_seed(seed)
        net = MNISTNet()
        run = Run(choice, built(choice, net, whole=batch_size >= len(train_data)))
        order = torch.Generator().manual_seed(seed)
        batches = DataLoader(train_data, batch_size, shuffle=True, generator=order)
        with one_thread():
            follow(run, train(net, run.optimizer, batches, epochs), watch)
            run.train_loss, _ = evaluate(net, train_data)
            _, run.test_accuracy = evaluate(net, test_data)
        runs.append(run)
    return runs


def built(choice: Choice, net: MNISTNet, whole: bool) -> Optimizer:
    """Construct the optimizer; a method that evaluates the loss again is told where each step has another batch."""
    changing = {} if whole or not issubclass(choice.kind, ClosureOptimizer) else {"deterministic": False}
    return Choice(choice.name, choice.kind, {**changing, **choice.options}).build(net.parameters())


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: as fast on a net this small, and the sums come out alike on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def follow(run: Run, steps: Iterable[Step], watch: Watch) -> None:
    """Keep each step, until the last, or the first whose loss is no number, or an error."""
    try:
        for step in steps:
            run.steps.append(step)
            watch(run.choice, step)
            if not isfinite(step.loss):
                break
    except (RuntimeError, TypeError, ValueError) as error:
        run.error = str(error).splitlines()[0]
