"""What the command line prints of a comparison."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, OverflowMethod, RenderResult
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from .compare import Run
from .repeated import Repeated, repeated

CAPTION = "In parentheses: a default. In step(): the optimizer alone, without the closure."
CUT = "…"
"""How a text ends in a table that has no room for it."""


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


FIRST_LEFT_OUT = ("In all", "In step()", "Train loss")
"""Which columns give way where a terminal is too narrow for all: a number that is cut says something else."""


class Comparison:
    """How each optimizer did, as a table of as many columns as there is room for."""

    def __init__(self, runs: Sequence[Run], title: str) -> None:
        self.title, self.groups = title, repeated(runs)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Leave columns out, one after the other, until nothing is cut; at last, break words."""
        for count in range(len(FIRST_LEFT_OUT) + 1):
            table = self.table(FIRST_LEFT_OUT[:count])
            if _fits(table, console, options):
                break
        else:
            table = self.table(FIRST_LEFT_OUT, overflow="fold")
        yield table

    def table(self, left_out: Sequence[str], overflow: OverflowMethod = "ellipsis") -> Table:
        """The best of a column stands out in green, one in trouble in red."""
        table = Table(
            title=self.title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False
        )
        table.caption, table.caption_justify = " ".join([CAPTION, *_for_lack_of_room(left_out)]), "left"
        table.add_column("Optimizer", no_wrap=overflow == "ellipsis", overflow=overflow)
        words = [word for group in self.groups for word in Text.from_markup(options(group.runs[0])).plain.split()]
        needed = max(map(len, words), default=0) if overflow == "ellipsis" else None
        table.add_column("Options", overflow=overflow, min_width=needed)
        measures = [measure for measure in shown(self.groups) if measure.title not in left_out]
        for measure in measures:
            table.add_column(measure.title, justify="right", no_wrap=True)
        best = {measure.title: measure.of_best(self.groups) for measure in measures}
        for group in self.groups:
            style = "red" if group.trouble else ""
            table.add_row(group.choice.name, options(group.runs[0]), *numbers(group, best), style=style)
        return table


def _fits(table: Table, console: Console, options: ConsoleOptions) -> bool:
    """Tell if nothing is cut, neither within a column nor at the end of a line."""
    lines = list(Segment.split_lines(console.render(table, options)))
    whole = all(CUT not in segment.text for line in lines for segment in line)
    return whole and all(Segment.get_line_length(line) <= options.max_width for line in lines)


def _for_lack_of_room(left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield f"Left out for lack of room: {', '.join(sorted(left_out))}."


def measured(groups: Sequence[Repeated]) -> list[Measure]:
    """Choose the columns that have a number in some row: not every task asks for an accuracy."""
    return [each for each in MEASURES if any(isfinite(group.mean(each.value)) for group in groups)]


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
