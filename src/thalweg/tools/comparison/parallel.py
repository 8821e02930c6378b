"""A comparison's runs, side by side in processes of their own."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Any

from ..tasks import Data
from ..tasks.named_tasks import read_task
from .choose import Choice
from .compare import Run, Watch, run_once

_steps: Any = None
"""Where a worker's steps are told to the process that shows them."""

_tasks: dict[str, tuple[Any, Data]] = {}
"""The tasks that a worker has read, with their data."""


def compare_side_by_side(
    choices: Sequence[Choice],
    task: str,
    *,
    jobs: int,
    epochs: int,
    batch_size: int,
    seed: int,
    seeds: int,
    watch: Watch,
    ended: Callable[[Run], None],
) -> list[Run]:
    """Do as `compare` does, with the same numbers but for seconds, in so many processes.

    The task goes by its name, as each process imports it. Runs come in the order of the choices.
    """
    context = get_context("spawn")
    steps = context.SimpleQueue()
    with ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(steps,)) as pool:
        wanted = [(choice, own) for choice in choices for own in range(seed, seed + seeds)]
        futures = [pool.submit(_run, choice, task, epochs, batch_size, own) for choice, own in wanted]
        _follow(futures, steps, choices, watch, ended)
        return [pickle.loads(future.result()) for future in futures]


def _start(steps: Any) -> None:
    global _steps
    _steps = steps


def _run(choice: Choice, name: str, epochs: int, batch_size: int, seed: int) -> bytes:
    """Train once in a worker; what comes back is plain bytes, as tensors would come as files that stay open."""
    if name not in _tasks:
        task = read_task(name)
        _tasks[name] = task, task.data()
    task, data = _tasks[name]
    tell: Watch = lambda choice, step: _steps.put((str(choice), step))  # noqa: E731
    return pickle.dumps(run_once(choice, data, task, epochs=epochs, batch_size=batch_size, seed=seed, watch=tell))


def _follow(
    futures: Sequence[Future[bytes]],
    steps: Any,
    choices: Sequence[Choice],
    watch: Watch,
    ended: Callable[[Run], None],
) -> None:
    """Pass on what workers tell, until all are done."""
    known, waiting = {str(choice): choice for choice in choices}, set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=0.1)
        while not steps.empty():
            name, step = steps.get()
            watch(known[name], step)
        for future in done:
            ended(pickle.loads(future.result()))
