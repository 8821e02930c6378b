"""What a comparison leaves behind: a table to read, a picture to look at, files to calculate with."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .compare import Run
from .picture import draw
from .record import record_losses, record_summary
from .tables import comparison


def report(runs: Sequence[Run], conditions: str, folder: Path) -> None:
    """Print the table, write the files, and tell where they are."""
    console = Console(highlight=False)
    console.print(comparison(runs, conditions))
    for run in runs:
        if run.trouble:
            console.print(f"{run.choice}: {run.trouble}", style="red", markup=False, soft_wrap=True)
    picture, losses, summary = folder / "losses.png", folder / "losses.csv", folder / "summary.csv"
    draw(runs, picture, conditions)
    record_losses(runs, losses)
    record_summary(runs, summary)
    for what, path in ("Curves", picture), ("Losses", losses), ("Summary", summary):
        console.print(f"{what:8} {path}", markup=False, soft_wrap=True)
