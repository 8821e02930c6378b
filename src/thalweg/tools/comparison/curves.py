"""The loss curves of a comparison, against seconds and against steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from ..colors import COLORS, DASHES, INK
from .compare import Run
from .repeated import Repeated, repeated

LEAST = 1e-8  # what float32 cannot tell from a loss of zero, and a log scale can show
TALLEST = 14.0
"""The height of a picture, in inches, above which it leaves out no name but puts them nearer."""

NAMES = 0.09
"""Where names begin, right of the axes, in widths of these."""


@dataclass(frozen=True)
class Curve:
    """The losses of an optimizer: the mean of its seeds, and the lowest and highest among them."""

    of: Repeated
    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    color: str
    dashes: Any

    @property
    def broke(self) -> bool:
        """Whether every run of it broke off."""
        return not self.of.sound


def draw(runs: Sequence[Run], path: Path, conditions: str, title: str = "Training loss on handwritten digits") -> None:
    """Draw all runs into a PNG file: a line for each optimizer, and a band for its seeds."""
    curves = [curve for place, of in enumerate(repeated(runs)) if (curve := _curve(of, place))]
    figure = Figure(figsize=(12, min(TALLEST, max(5.5, len(curves) / 3.6))), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    figure.suptitle(title, x=0.01, ha="left", weight="bold", color=INK)
    left.set_title(conditions, loc="left", size="medium", color=INK)
    left.set(xlabel="seconds of training", ylabel="loss, averaged over nearby steps")
    right.set(xlabel="steps")
    top = limits(curves)[1] if curves else 1.0
    for axes, across in ((left, "seconds"), (right, "steps")):
        for curve in curves:
            _draw_curve(axes, curve, getattr(curve, across), top)
        axes.set(yscale="log", xlim=(0, None))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    if curves:
        right.set_ylim(*limits(curves))
        right.set_xlim(0, max(curve.steps[-1] for curve in curves))
        _name_curves(right, curves)
    figure.savefig(path, dpi=150)


def _curve(of: Repeated, place: int) -> Curve | None:
    """Average the losses of all seeds, as far as they go; None if there are none."""
    finite = [[step for step in run.steps if isfinite(step.loss)] for run in of.sound or of.runs]
    finite = [steps for steps in finite if steps]
    if not finite:
        return None
    length = min(map(len, finite))
    smoothed = np.array([smooth([step.loss for step in steps[:length]]) for steps in finite])
    seconds = np.array([[step.seconds for step in steps[:length]] for steps in finite]).mean(0)
    numbers = np.array([step.number for step in finite[0][:length]], dtype=float)
    style = COLORS[place % len(COLORS)], DASHES[place // len(COLORS) % len(DASHES)]
    return Curve(of, numbers, seconds, smoothed.mean(0), smoothed.min(0), smoothed.max(0), *style)


def _draw_curve(axes: Axes, curve: Curve, across: NDArray[np.float64], top: float) -> None:
    """Draw a line and its band; one that breaks off ends in a cross, at the latest where it leaves the picture."""
    outside = np.flatnonzero(curve.middle > top)
    end = outside[0] + 1 if curve.broke and len(outside) else len(across)
    heights = curve.middle[:end].clip(max=top)
    crossed: dict[str, Any] = {"marker": "X", "markevery": [-1], "markersize": 8} if curve.broke else {}
    axes.plot(across[:end], heights, linestyle=curve.dashes, color=curve.color, clip_on=not curve.broke, **crossed)
    if len(curve.of.sound) > 1:
        axes.fill_between(across[:end], curve.low[:end], curve.high[:end], color=curve.color, alpha=0.15, linewidth=0)


def smooth(losses: Sequence[float]) -> list[float]:
    """Average each loss with its neighbours, the nearest counting most; the first stays as it is."""
    averages = []
    for index in range(len(losses)):
        reach = min(index, len(losses) // 20)
        near = losses[index - reach : index + reach + 1]
        average = np.average(near, weights=np.hanning(2 * reach + 3)[1 : len(near) + 1])
        averages.append(max(float(average), LEAST))
    return averages


def limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Leave room for all losses, but not for those far above the first, of runs that diverge."""
    whole = [curve for curve in curves if not curve.broke] or curves
    highest = min(max(curve.high.max() for curve in curves), 5 * max(curve.middle[0] for curve in whole))
    return min(curve.low.min() for curve in whole) / 1.5, highest * 1.2


def _name_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Write each name right of the axes, as high as its line ends there, and apart from the other names.

    Before each name stands a piece of its line; a thin pointer leads there from the edge, for those that reach it.
    """
    last = np.array([[curve.steps[-1], curve.middle[-1]] for curve in curves])
    ends = (axes.transData - axes.transAxes).transform(last).clip(0, 1)
    heights = spread(ends[:, 1], gap=min(0.05, 1 / len(curves)))
    size = "medium" if len(curves) <= 40 else "small"
    for curve, (across, up), height in zip(curves, ends, heights, strict=True):
        if across > 0.999 and not curve.broke:
            pointer = [1.0, NAMES - 0.05 + 1], [up, height]
            axes.plot(*pointer, color=curve.color, linewidth=0.6, transform=axes.transAxes, clip_on=False)
        sample = [1 + NAMES - 0.05, 1 + NAMES], [height, height]
        axes.plot(*sample, linestyle=curve.dashes, color=curve.color, transform=axes.transAxes, clip_on=False)
        where = (1 + NAMES + 0.015, height)
        axes.annotate(describe(curve.of), where, xycoords="axes fraction", va="center", color=INK, size=size)


def spread(heights: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move heights as little as possible until they are ``gap`` apart, within 0 and 1."""
    order = np.argsort(heights)
    ranks = gap * np.arange(len(heights))
    apart = np.empty_like(heights)
    apart[order] = isotonic_regression(heights[order] - ranks, y_min=0, y_max=1 - ranks[-1]) + ranks
    return apart


def describe(run: Run | Repeated) -> str:
    """Name a run by its optimizer, the options given, and what went wrong."""
    words = [run.choice.name, ", ".join(run.choice.given), f"({run.trouble})" if run.trouble else ""]
    return " ".join(filter(None, words))
