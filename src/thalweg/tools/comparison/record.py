"""The raw numbers of a comparison, as CSV."""

import csv
from collections.abc import Iterable
from pathlib import Path

from .compare import Run

LOSSES = ("optimizer", "seed", "step", "epoch", "loss", "seconds", "seconds_in_step")
SUMMARY = (
    *("optimizer", "seed", "lr", "steps", "train_loss", "test_loss", "test_accuracy"),
    *("seconds_in_step", "seconds", "trouble"),
)


def record_losses(runs: Iterable[Run], path: Path) -> None:
    """Write a line per step; its seconds count from the start of that optimizer's training."""
    write(path, LOSSES, ((run.choice, run.seed, *step) for run in runs for step in run.steps))


def record_summary(runs: Iterable[Run], path: Path) -> None:
    """Write a line per run."""
    write(path, SUMMARY, map(summary, runs))


def summary(run: Run) -> tuple[object, ...]:
    """Put a run in one line."""
    learned = (run.train_loss, run.test_loss, run.test_accuracy)
    spent = (run.last.seconds_in_step, run.last.seconds)
    return (run.choice, run.seed, run.learning_rate, run.last.number, *learned, *spent, run.trouble)


def write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
