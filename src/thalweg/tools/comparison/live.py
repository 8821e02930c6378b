"""Bars that move while optimizers are compared."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .choose import Choice
from .compare import Run, Watch
from .training import Step

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(pulse_style="bar.back"),  # one that waits lies still
    TextColumn("{task.fields[told]}"),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)

MOST = 16
"""How many bars a screen has room for; of more, there is one for all alone."""


@contextmanager
def bars(choices: Sequence[Choice], steps: int, seeds: int = 1) -> Iterator[tuple[Watch, Callable[[Run], None]]]:
    """Show a bar for each choice and one for all, which says what is left; they are gone at the end.

    What is yielded moves them after a step, and when a run has ended.
    """
    # On stderr, so that the table can be piped; few refreshes, so that they take no time from what is measured.
    with Progress(*COLUMNS, console=Console(stderr=True), transient=True, refresh_per_second=5) as progress:
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
