"""Runs as lines of a file, each written when it is done: whoever is interrupted goes on where it was."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]
Following = Callable[[list[Row]], Row | None]
Run = Callable[[Row], Row]


def read(path: Path) -> list[Row]:
    """Give the runs that are done; half a line, which an interrupt has left at the end, is none."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def add(path: Path, row: Row) -> None:
    """Write a run in a line of its own, and drop half a line before it."""
    path.parent.mkdir(exist_ok=True)
    whole = path.read_text() if path.exists() else ""
    kept = whole[: whole.rfind("\n") + 1]
    if kept != whole:
        path.write_text(kept)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def go_on(path: Path, following: Following, run: Run) -> Iterator[Row]:
    """Ask what comes next, given what is done, and run it, until nothing does."""
    while (wanted := following(read(path))) is not None:
        row = wanted | run(wanted)
        add(path, row)
        yield row


def command(
    description: str | None, path: Path, following: Following, run: Run, write: Callable[[list[Row]], None]
) -> None:
    """Go on as a script is told on its command line, on one core, and write what all runs say."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only-report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for row in () if arguments.only_report else go_on(path, following, run):
        print(row, file=sys.stderr, flush=True)
    write(read(path))
