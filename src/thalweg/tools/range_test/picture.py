"""The picture of a search for a learning rate."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ..picture import COLORS, INK

if TYPE_CHECKING:
    from .find_lr import Found


def draw(found: Found, path: Path) -> None:
    """Draw the loss over rates: rising on one batch, and after trials of their own."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(str(found), loc="left", size="medium", color=INK, wrap=True)
    first = found.curve.losses[0]
    pairs = [(rate, loss) for rate, loss in zip(found.curve.rates, found.curve.losses, strict=True) if isfinite(loss)]
    axes.plot(*zip(*pairs, strict=True), color=COLORS[0], label="one batch, the rate rising from step to step")
    tried = sorted((rate, loss) for rate, loss in found.tried.items() if isfinite(loss))
    if tried:
        axes.plot(*zip(*tried, strict=True), "o", color=COLORS[3], label="other batches, after a short training")
    if found.lr is not None:
        axes.axvline(found.lr, color=COLORS[2], linestyle="--", label=f"found: {found.lr:.2g}")
    lowest = min([loss for _, loss in (*pairs, *tried)], default=first)
    room = 0.1 * abs(first - lowest) or 1.0
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(lowest - room, first + 5 * room))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
