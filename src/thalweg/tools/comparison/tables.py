"""What the command line prints of a comparison."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from rich import box
from rich.markup import escape
from rich.table import Table

from .compare import Run
from .repeated import Repeated, repeated


class Measure(NamedTuple):
    """A column of numbers: its title, how one is written, where a run has it, and whether the least or most is best."""

    title: str
    form: str
    value: Callable[[Run], float]
    best: Callable[..., Repeated | None]

    def written(self, group: Repeated) -> str:
        """Write the mean of a group, and how much it differs from seed to seed; nothing where there is no number."""
        mean, spread = group.mean(self.value), group.spread(self.value)
        if not isfinite(mean):
            return ""
        return self.form.format(mean) + (f" ±{self.form.format(spread)}" if spread is not None else "")

    def of_best(self, groups: Iterable[Repeated]) -> Repeated | None:
        """Find the best of those that have learned something, without trouble: who learns nothing may well be fast."""
        learned = [group for group in groups if not group.trouble and all(run.has_learned for run in group.runs)]
        sound = [group for group in learned if isfinite(group.mean(self.value))]
        return self.best(sound, key=lambda group: group.mean(self.value), default=None)


MEASURES = (
    Measure("Train loss", "{:.5f}", lambda run: run.train_loss, min),
    Measure("Test loss", "{:.4f}", lambda run: run.test_loss, min),
    Measure("Test accuracy", "{:.1%}", lambda run: run.test_accuracy, max),
    Measure("In step()", "{:.2f} s", lambda run: run.last.seconds_in_step, min),
    Measure("In all", "{:.2f} s", lambda run: run.last.seconds, min),
)


def comparison(runs: Sequence[Run], title: str) -> Table:
    """Tell how each optimizer did: the best of a column stands out in green, one in trouble in red."""
    groups = repeated(runs)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.caption = "In parentheses: a default. In step(): the optimizer alone, without the closure."
    table.caption_justify = "left"
    table.add_column("Optimizer", no_wrap=True)
    table.add_column("Options")
    measures = shown(groups)
    for measure in measures:
        table.add_column(measure.title, justify="right")
    best = {measure.title: measure.of_best(groups) for measure in measures}
    for group in groups:
        style = "red" if group.trouble else ""
        table.add_row(group.choice.name, options(group.runs[0]), *numbers(group, best), style=style)
    return table


def shown(groups: Sequence[Repeated]) -> list[Measure]:
    """Choose the columns that a terminal has room for: of tests, the accuracy where there is one, else the loss."""
    has_accuracy = any(isfinite(group.mean(lambda run: run.test_accuracy)) for group in groups)
    return [measure for measure in MEASURES if measure.title != ("Test loss" if has_accuracy else "Test accuracy")]


def numbers(group: Repeated, best: Mapping[str, Repeated | None]) -> Iterator[str]:
    """Write what was measured, in green where this optimizer is the best."""
    measures = {measure.title: measure for measure in MEASURES}
    for title, winner in best.items():
        text = measures[title].written(group)
        yield f"[bold green]{text}[/]" if group is winner else text


def options(run: Run) -> str:
    """Write the options given, and the learning rate in parentheses where it is the default."""
    default = [] if "lr" in run.choice.options or run.learning_rate is None else [f"[dim](lr={run.learning_rate:g})[/]"]
    return " ".join([escape(", ".join(run.choice.given)), *default]).strip()
