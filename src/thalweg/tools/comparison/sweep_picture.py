"""The picture of a sweep: where each optimizer ends, over the values of an option."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path

from matplotlib.figure import Figure

from ..colors import COLORS, DASHES, INK
from .compare import Run
from .repeated import Repeated, repeated


def draw_sweep(runs: Sequence[Run], option: str, path: Path, conditions: str) -> bool:
    """Draw the loss on data to test with over an option of several values; tell if there was anything to draw."""
    lines = list(_lines(repeated(runs), option))
    if not lines:
        return False
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"Test loss over {option}: {conditions}", loc="left", size="medium", color=INK)
    for place, (name, values, losses, errors) in enumerate(lines):
        style = {"color": COLORS[place % len(COLORS)], "linestyle": DASHES[place // len(COLORS) % len(DASHES)]}
        axes.errorbar(values, losses, yerr=errors, marker="o", markersize=4, capsize=3, label=name, **style)
    positive = all(value > 0 for _, values, _, _ in lines for value in values)
    axes.set(xscale="log" if positive else "linear", yscale="log", xlabel=option, ylabel="test loss")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=150)
    return True


def _lines(groups: Sequence[Repeated], option: str) -> Iterator[tuple[str, list[float], list[float], list[float]]]:
    """Put those together that differ by the option alone; what broke off is left out."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for group in groups:
        value = group.choice.options.get(option)
        others = [f"{name}={other}" for name, other in group.choice.options.items() if name != option]
        loss = group.mean(lambda run: run.test_loss)
        if isinstance(value, int | float) and group.sound and isfinite(loss):
            spread = group.spread(lambda run: run.test_loss) or 0.0
            lines.setdefault(" ".join([group.choice.name, *others]), []).append((float(value), loss, spread))
    for name, points in lines.items():
        if len(points) > 1:
            values, losses, errors = (list(column) for column in zip(*sorted(points), strict=True))
            yield name, values, losses, errors
