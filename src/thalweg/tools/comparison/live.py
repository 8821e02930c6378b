"""Bars that move while optimizers are compared."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from .choose import Choice
from .compare import Run, Watch
from .training import Step

MOST = 16
"""How many bars a screen has room for; of more, there is one for all alone."""

WIDE, NARROW = 70, 50
"""How many characters a line needs for the time that has passed, and for a word before the time that is left."""


def columns(width: int) -> Iterator[ProgressColumn]:
    """Say what stands beside each other in lines of that width: long names give way before numbers do."""
    yield TextColumn("{task.description}", table_column=Column(no_wrap=True, max_width=max(8, 2 * width // 5 - 4)))
    yield BarColumn(pulse_style="bar.back")  # one that waits lies still
    yield TextColumn("{task.fields[told]}", table_column=Column(no_wrap=True, min_width=11))
    if width >= WIDE:
        yield TimeElapsedColumn()
    if width >= NARROW:
        yield TextColumn("left")
    yield TimeRemainingColumn()


@contextmanager
def bars(choices: Sequence[Choice], steps: int, seeds: int = 1) -> Iterator[tuple[Watch, Callable[[Run], None]]]:
    """Show a bar for each choice and one for all, which says what is left; they are gone at the end.

    What is yielded moves them after a step, and when a run has ended.
    """
    # On stderr, so that the table can be piped; few refreshes, so that they take no time from what is measured.
    console = Console(stderr=True)
    with Progress(*columns(console.width), console=console, transient=True, refresh_per_second=5) as progress:
        shown = choices if len(choices) <= MOST else []
        own = {str(each): progress.add_task(str(each), start=False, total=steps * seeds, told="") for each in shown}
        runs, ended_runs = len(choices) * seeds, 0
        everyone = progress.add_task("in all", total=steps * runs, told=f"0 of {runs} runs")

        def watch(choice: Choice, step: Step) -> None:
            if (task := own.get(str(choice))) is not None:
                progress.start_task(task)
                progress.update(task, advance=1, told=f"loss {step.loss:.4f}")
            progress.update(everyone, advance=1)

        def ended(run: Run) -> None:
            nonlocal ended_runs
            ended_runs += 1
            left_out = steps - len(run.steps)  # of a run that broke off
            progress.update(everyone, advance=left_out, told=f"{ended_runs} of {runs} runs")
            if (task := own.get(str(run.choice))) is not None:
                progress.update(task, advance=left_out)

        yield watch, ended
