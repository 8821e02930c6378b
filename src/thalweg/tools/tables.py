"""What the command line prints: how a comparison went, and which optimizers there are."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rich import box
from rich.markup import escape
from rich.table import Table
from torch.optim import Optimizer

from .choose import write_value
from .compare import Run


class Measure(NamedTuple):
    """A column of numbers: its title, how one is written, where a run has it, and whether the least or most is best."""

    title: str
    form: str
    value: Callable[[Run], float]
    best: Callable[..., Run | None]


MEASURES = (
    Measure("Train loss", "{:.5f}", lambda run: run.train_loss, min),
    Measure("Test accuracy", "{:.1%}", lambda run: run.test_accuracy, max),
    Measure("In step()", "{:.2f} s", lambda run: run.last.seconds_in_step, min),
    Measure("In all", "{:.2f} s", lambda run: run.last.seconds, min),
)


def comparison(runs: Sequence[Run], title: str) -> Table:
    """Tell how each run went: the best of a column stands out in green, a run in trouble in red."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.caption = "In parentheses: a default. In step(): the optimizer alone, without the closure."
    table.caption_justify = "left"
    table.add_column("Optimizer", no_wrap=True)
    table.add_column("Options")
    for measure in MEASURES:
        table.add_column(measure.title, justify="right", no_wrap=True)
    sound = [run for run in runs if not run.trouble]
    best = [measure.best(sound, key=measure.value, default=None) for measure in MEASURES]
    for run in runs:
        table.add_row(run.choice.name, options(run), *numbers(run, best), style="red" if run.trouble else "")
    return table


def numbers(run: Run, best: Iterable[Run | None]) -> Iterator[str]:
    """Write what was measured, in green where this run is the best."""
    for measure, winner in zip(MEASURES, best, strict=True):
        text = measure.form.format(measure.value(run))
        yield f"[bold green]{text}[/]" if run is winner else text


def options(run: Run) -> str:
    """Write the options given, and the learning rate in parentheses where it is the default."""
    default = [] if "lr" in run.choice.options or run.learning_rate is None else [f"[dim](lr={run.learning_rate:g})[/]"]
    return " ".join([escape(", ".join(run.choice.given)), *default]).strip()


def catalogue(optimizers: Mapping[str, type[Optimizer]]) -> Table:
    """List optimizers by name, with their ideas and options."""
    table = Table("Optimizer", box=box.SIMPLE_HEAD)
    table.add_column("Idea", ratio=1)
    table.add_column("Options and defaults", ratio=1)
    for name in sorted(optimizers, key=str.casefold):
        idea, *_ = (inspect.getdoc(optimizers[name]) or "").splitlines()
        table.add_row(name, idea, ", ".join(defaults(optimizers[name])))
    return table


def defaults(kind: type[Optimizer]) -> list[str]:
    """Write each option of the algorithm with its default, as one would type it."""
    _, *options = inspect.signature(kind).parameters.values()
    return [default(option) for option in options if option.kind is not option.KEYWORD_ONLY]


def default(option: inspect.Parameter) -> str:
    """Write one option with its default, if it has one."""
    return (
        f"{option.name} (required)"
        if option.default is option.empty
        else f"{option.name}={write_value(option.default)}"
    )
