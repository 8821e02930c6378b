"""What a comparison leaves behind: a table to read, pictures to look at, a page, files to calculate with."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from .compare import Run
from .curves import draw
from .page import write_page
from .record import record_losses, record_summary
from .repeated import repeated
from .sweep_picture import draw_sweep
from .tables import Comparison


def report(
    runs: Sequence[Run],
    conditions: str,
    folder: Path,
    *,
    title: str = "handwritten digits",
    swept: Iterable[str] = (),
    remarks: Sequence[str] = (),
) -> None:
    """Print the table, write the files, and tell where they are."""
    console = Console(highlight=False)
    console.print(Comparison(runs, conditions))
    for group in repeated(runs):
        if group.trouble:
            console.print(f"{group.choice}: {group.trouble}", style="red", markup=False, soft_wrap=True)
    for remark in remarks:
        console.print(remark, markup=False)
    for what, path in _written(runs, conditions, folder, title, swept, remarks):
        console.print(f"{what:8} {path}", markup=False, soft_wrap=True)


def _written(
    runs: Sequence[Run], conditions: str, folder: Path, title: str, swept: Iterable[str], remarks: Sequence[str]
) -> list[tuple[str, Path]]:
    """Write the files; give what each is, and where."""
    curves, losses, summary, page = (folder / f"{name}" for name in FILES)
    draw(runs, curves, conditions, f"Training loss on {title}")
    record_losses(runs, losses)
    record_summary(runs, summary)
    wanted = ((option, folder / f"sweep-{option}.png") for option in swept)
    sweeps = [path for option, path in wanted if draw_sweep(runs, option, path, conditions)]
    write_page(runs, f"Optimizers on {title}", conditions, remarks, [curves, *sweeps], page)
    drawn = [("Curves", curves), *(("Sweep", path) for path in sweeps)]
    return [*drawn, ("Losses", losses), ("Summary", summary), ("Report", page)]


FILES = ("losses.png", "losses.csv", "summary.csv", "report.html")
