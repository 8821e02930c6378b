"""The picture of a search for a learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from matplotlib.figure import Figure

from ..colors import COLORS, INK
from .trials import Curve


def draw(path: Path, title: str, curve: Curve, tried: Mapping[float, float], lr: float | None) -> None:
    """Draw the loss over rates: rising on one batch, and after trials of their own; and the rate that was found."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", size="medium", color=INK, wrap=True)
    first = curve.losses[0]
    pairs = [(rate, loss) for rate, loss in zip(curve.rates, curve.losses, strict=True) if isfinite(loss)]
    axes.plot(*zip(*pairs, strict=True), color=COLORS[0], label="one batch, the rate rising from step to step")
    finite = sorted((rate, loss) for rate, loss in tried.items() if isfinite(loss))
    if finite:
        axes.plot(*zip(*finite, strict=True), "o", color=COLORS[3], label="other batches, after a short training")
    if lr is not None:
        axes.axvline(lr, color=COLORS[2], linestyle="--", label=f"found: {lr:.2g}")
    lowest = min([loss for _, loss in (*pairs, *finite)], default=first)
    room = 0.1 * abs(first - lowest) or 1.0
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(lowest - room, first + 5 * room))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
