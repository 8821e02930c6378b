"""The performance profile of the closure methods (Dolan & Moré 2002): a panel for each kind, a name for each curve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thalweg.tools.comparison.curves import COLORS, DASHES, INK, spread

KINDS = {
    "limited memory": ("LBFGS", "L-BFGS"),
    "conjugate gradients": (" CG",),
    "dense matrices": ("BFGS", "Broyden"),
    "products with the Hessian": ("Newton", "trust", "Trust"),
}
"""What a name contains that belongs to a panel; the first panel that fits takes it."""

FARTHEST = 32.0
"""How many times the fewest evaluations the picture goes to."""


def draw(costs: Mapping[str, list[float]], path: Path) -> None:
    """Draw the share of problems that each method solves within a factor of the fewest evaluations of all methods.

    `costs` has the evaluations of each method on each problem, infinite where the problem was not solved.
    """
    fewest = [min(row) for row in zip(*costs.values(), strict=True)]
    figure = Figure(figsize=(12.5, 8), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, kind in zip(panels.flat, KINDS, strict=True):
        own = {name: row for name, row in costs.items() if kind_of(name) == kind}
        _draw_panel(axes, {name: factors(row, fewest) for name, row in own.items()}, len(fewest))
        axes.set_title(kind, loc="left", weight="bold", color=INK)
    figure.supxlabel("evaluations, divided by the fewest of all methods", color=INK)
    figure.supylabel("share of problems solved", color=INK)
    figure.savefig(path, dpi=110)


def kind_of(name: str) -> str:
    """Say in which panel a method is drawn."""
    return next(kind for kind, words in KINDS.items() if any(word in name for word in words))


def factors(row: list[float], fewest: list[float]) -> list[float]:
    """Divide by the fewest evaluations, and leave out what was not solved."""
    return sorted(cost / least for cost, least in zip(row, fewest, strict=True) if cost < math.inf)


def _draw_panel(axes: Axes, found: Mapping[str, list[float]], count: int) -> None:
    """Draw one kind of methods, ours as whole lines."""
    ends, styles = [], []
    dashes = iter(DASHES[1:] * 2)
    for place, (name, reached) in enumerate(found.items()):
        shares = [(i + 1) / count for i in range(len(reached))]
        style = {"color": COLORS[place], "linestyle": "-" if name.startswith("thalweg") else next(dashes)}
        across, up = [1, *reached, FARTHEST], [0, *shares, shares[-1]]
        axes.step(across, up, where="post", linewidth=2 if style["linestyle"] == "-" else 1.4, **style)
        ends.append(sum(factor <= FARTHEST for factor in reached) / count)
        styles.append(style)
    axes.set(xscale="log", xlim=(1, FARTHEST), ylim=(0, 1.01))
    axes.set_xticks([1, 2, 4, 8, 16, 32], labels=["1", "2", "4", "8", "16", "32"])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _name(axes, list(found), styles, np.array(ends))


def _name(axes: Axes, names: list[str], styles: list[dict[str, object]], ends: np.ndarray) -> None:
    """Write each name right of the axes, apart from the others, with a piece of its line and a pointer to its end."""
    for name, style, end, height in zip(names, styles, ends, spread(ends, 0.075), strict=True):
        axes.plot([1.0, 1.04], [end, height], color=style["color"], lw=0.6, transform=axes.transAxes, clip_on=False)
        axes.plot([1.04, 1.11], [height, height], transform=axes.transAxes, clip_on=False, **style)
        axes.annotate(name, (1.125, height), xycoords="axes fraction", va="center", color=INK, size="small")
