"""What other libraries call an optimizer: as a table for the command line, as Markdown, and in a sentence."""

from collections.abc import Iterator

import torch
from rich import box
from rich.markup import escape
from rich.table import Table

from ...names import TABLE, Meaning, Row
from ...names.row import THE_LR


def table_of_names() -> Table:
    """List every name, with what it is here, and in what its steps differ; or why it cannot be had."""
    table = Table("Name", box=box.SIMPLE_HEAD)
    table.add_column("Here", ratio=1)
    table.add_column("What differs", ratio=1)
    for row in TABLE:
        table.add_row(row.spelling, escape(here(row)), escape(remark(row)))
    return table


def markdown_of_names(library: str) -> Iterator[str]:
    """Write a library's names as the lines of a Markdown table."""
    yield from ("| name | here | what differs |", "|---|---|---|")
    for row in TABLE:
        if row.library == library:
            yield f"| `{row.name}` | {_coded(row)} | {remark(row)} |"


def here(row: Row) -> str:
    """Say what a name is in this library, as one would type it."""
    if row.instead:
        return "cannot be had"
    if row.missing():
        return "not yet"
    options = ", ".join(f"{name}={_written(value)}" for name, value in row.options.items())
    call = f"{row.around}({row.kind}, {options})" if row.around else f"{row.kind}({options})"
    return f"in_backward({call})" if row.is_in_backward else call


def remark(row: Row) -> str:
    """Say in what a name differs from its original, or why it cannot be had."""
    if not row.is_served():
        return row.instead or row.missing()
    with_lr = ", ".join(f"{name}={_written(value)}" for name, value in row.with_lr.items())
    given = f"where lr is given, {with_lr}" if with_lr else ""
    return "; ".join(filter(None, [row.differs, row.note, given]))


def sentence_of(meaning: Meaning) -> str:
    """Say what another library's name means here."""
    row = meaning.row
    if row is None:
        return f"{meaning.name} is this library's own."
    more = remark(row)
    return f"{row.name}, as {row.library} calls it, is {here(row)}{f': {more}' if more else ''}."


def _coded(row: Row) -> str:
    return f"`{here(row)}`" if row.is_served() else here(row)


def _written(value: object) -> str:
    """Write a value as in Python; the learning rate that is given, by its name."""
    if value == THE_LR:
        return "lr"
    return str(value) if isinstance(value, torch.dtype) else repr(value)
