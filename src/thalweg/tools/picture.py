"""The loss curves of a comparison, against seconds and against steps."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from .compare import Run

# Okabe & Ito 2008, told apart by colour-blind readers too; grey for their yellow, which is too pale for a line.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#000000", "#56B4E9", "#999999")
INK = "#333333"
LEAST = 1e-8  # what float32 cannot tell from a loss of zero, and a log scale can show


def draw(runs: Sequence[Run], path: Path, conditions: str) -> None:
    """Draw all runs into a PNG file."""
    drawn = [run for run in runs if run.steps and isfinite(run.steps[0].loss)]
    figure = Figure(figsize=(11, max(5.5, len(drawn) / 4)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    left.set_title("Training loss on handwritten digits", loc="left", weight="bold", color=INK)
    right.set_title(conditions, loc="left", size="medium", color=INK)
    draw_curves(left, drawn, "seconds")
    left.set(xlabel="seconds of training", ylabel="negative log likelihood, averaged over nearby steps")
    right.set(xlabel="steps")
    if lines := draw_curves(right, drawn, "number"):
        right.set_ylim(*limits(lines))
        name_lines(right, lines, [describe(run) for run in drawn])
    figure.savefig(path, dpi=150)


def draw_curves(axes: Axes, runs: Sequence[Run], horizontal: str) -> list[Line2D]:
    """Draw a curve per run, dashed for torch's own; a cross ends one that did not finish."""
    lines = []
    for run, color in zip(runs, COLORS * len(runs), strict=False):
        steps = [step for step in run.steps if isfinite(step.loss)]
        across, losses = [getattr(step, horizontal) for step in steps], smooth([step.loss for step in steps])
        dashes = "--" if run.choice.is_torch else "-"
        lines += axes.plot(across, losses, dashes, color=color, marker="X" if run.trouble else "", markevery=[-1])
    axes.set(yscale="log", xlim=(0, None))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return lines


def smooth(losses: Sequence[float]) -> list[float]:
    """Average each loss with its neighbours, the nearest counting most; the first stays as it is."""
    averages = []
    for index in range(len(losses)):
        reach = min(index, len(losses) // 20)
        near = losses[index - reach : index + reach + 1]
        average = np.average(near, weights=np.hanning(2 * reach + 3)[1 : len(near) + 1])
        averages.append(max(float(average), LEAST))
    return averages


def limits(lines: Sequence[Line2D]) -> tuple[float, float]:
    """Leave room for all losses, but not for those far above the first, of runs that diverge."""
    losses = [np.asarray(line.get_ydata()) for line in lines]
    highest = min(max(loss.max() for loss in losses), 10 * losses[0][0])
    return min(loss.min() for loss in losses) / 1.5, highest * 1.5


def name_lines(axes: Axes, lines: Sequence[Line2D], names: Sequence[str]) -> None:
    """Write each name where its line ends, right of the axes, and apart from the other names."""
    last_points = np.array([np.asarray(line.get_xydata())[-1] for line in lines])
    ends = (axes.transData - axes.transAxes).transform(last_points).clip(0, 1)
    heights = spread(ends[:, 1], gap=min(0.05, 1 / len(lines)))
    for line, name, end, height in zip(lines, names, ends, heights, strict=True):
        pointer = {"arrowstyle": "-", "color": line.get_color(), "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
        axes.annotate(name, end, (1.05, height), "axes fraction", va="center", color=INK, arrowprops=pointer)


def spread(heights: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move heights as little as possible until they are ``gap`` apart, within 0 and 1."""
    order = np.argsort(heights)
    ranks = gap * np.arange(len(heights))
    apart = np.empty_like(heights)
    apart[order] = isotonic_regression(heights[order] - ranks, y_min=0, y_max=1 - ranks[-1]) + ranks
    return apart


def describe(run: Run) -> str:
    """Name a run by its optimizer, the options given, and what went wrong."""
    words = [run.choice.name, ", ".join(run.choice.given), f"({run.trouble})" if run.trouble else ""]
    return " ".join(filter(None, words))
