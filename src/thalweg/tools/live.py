"""Bars that move while optimizers are compared."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .choose import Choice
from .compare import Watch
from .training import Step

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(pulse_style="bar.back"),  # one that waits lies still
    MofNCompleteColumn(),
    TextColumn("{task.fields[loss]}"),
    TimeElapsedColumn(),
)


@contextmanager
def bars(choices: Iterable[Choice], total: int) -> Iterator[Watch]:
    """Show a bar for each choice, gone at the end; what is yielded moves it after a step."""
    # On stderr, so that the table can be piped; few refreshes, so that they take no time from what is measured.
    with Progress(*COLUMNS, console=Console(stderr=True), transient=True, refresh_per_second=5) as progress:
        tasks = {str(choice): progress.add_task(str(choice), start=False, total=total, loss="") for choice in choices}

        def watch(choice: Choice, step: Step) -> None:
            task = tasks[str(choice)]
            progress.start_task(task)
            progress.update(task, completed=step.number, loss=f"loss {step.loss:.4f}")

        yield watch
