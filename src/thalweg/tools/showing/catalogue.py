"""Which optimizers there are, as a table for the command line."""

import inspect
from collections.abc import Mapping

from rich import box
from rich.table import Table
from torch.optim import Optimizer

from ..comparison.choose import write_value


def catalogue(optimizers: Mapping[str, type[Optimizer]]) -> Table:
    """List optimizers by name, with their ideas and options."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Optimizer", min_width=max(map(len, optimizers)))
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
