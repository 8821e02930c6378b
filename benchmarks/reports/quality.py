"""From the runs of quality.py to what a person reads: tables in docs/precision.md, and the curves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.page import ROOT, replace
from thalweg.tools.comparison.curves import INK

REFERENCE = "float32"
LIMIT = 0.01
"""By how much a loss may be above float32's."""

COLORS = {
    REFERENCE: "#000000",
    "bf16, nearest": "#D55E00",
    "bf16, stochastic": "#0072B2",
    "bf16, kahan": "#E69F00",
    "bf16, master": "#009E73",
    "8bit states": "#CC79A7",
    "4bit states": "#56B4E9",
}
"""Told apart by colour-blind readers too; what has no colour here is a control."""

TITLES = {"gpt": "The character GPT", "digits": "The handwritten digits"}
ROWS = ("GPT: training loss,\nnats a character", "above float32,\npercent", "digits: training loss")
MEASURES = {"held-out loss": "held-out data, at the end", "training loss": "training data, mean of the last tenth"}


def write(runs: Sequence[dict[str, Any]], place: dict[str, Any]) -> None:
    """Write the tables where the document has its marks, and draw the curves."""
    replace(ROOT / "docs" / "precision.md", "quality", "\n".join(tables(runs, place)))
    draw(runs)


def tables(runs: Sequence[dict[str, Any]], place: dict[str, Any]) -> Iterator[str]:
    """Say what each format costs: one table for each task and each loss."""
    yield f"Measured with torch {place['torch']} and Python {place['python']}, in one thread of a CPU."
    for task, title in TITLES.items():
        own = [run for run in runs if run["task"] == task]
        if own:
            seeds = min(len(losses) for losses in by_seed(own, "held-out loss").values())
            yield f"\n**{title}**, {seeds} seeds:"
            for measure, words in MEASURES.items():
                yield f"\n| {words} | " + " | ".join(names(own, "optimizer")) + " |"
                yield "|---" * (1 + len(names(own, "optimizer"))) + "|"
                yield from lines(own, measure)


def lines(runs: Sequence[dict[str, Any]], measure: str) -> Iterator[str]:
    """Give float32's loss for each optimizer, and how many times as large it is in the other formats."""
    found, optimizers = by_seed(runs, measure), names(runs, "optimizer")
    reference = [np.array(list(found[optimizer, REFERENCE].values())) for optimizer in optimizers]
    yield "| float32, the loss | " + " | ".join(spread(losses) for losses in reference) + " |"
    for form in names(runs, "format")[1:]:
        shares = [ratios(found, optimizer, form) for optimizer in optimizers]
        yield f"| {form}, times that | " + " | ".join(marked(share) for share in shares) + " |"


def ratios(found: dict[Any, dict[int, Any]], optimizer: str, form: str) -> NDArray[np.float64]:
    """Divide by float32's loss with the same seed."""
    reference = found[optimizer, REFERENCE]
    return np.array([loss / reference[seed] for seed, loss in found.get((optimizer, form), {}).items()])


def spread(values: NDArray[np.float64]) -> str:
    """Give the mean, and its standard error if there are several values."""
    if not len(values):
        return ""
    error = f" ± {values.std(ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{error}"


def marked(values: NDArray[np.float64]) -> str:
    """Make bold what is beyond the limit."""
    return f"**{spread(values)}**" if len(values) and values.mean() > 1 + LIMIT else spread(values)


def names(runs: Sequence[dict[str, Any]], column: str) -> list[str]:
    """List what there is, in the order of appearance."""
    return list(dict.fromkeys(run[column] for run in runs))


def by_seed(runs: Sequence[dict[str, Any]], measure: str) -> dict[tuple[str, str], dict[int, Any]]:
    """Sort what was measured by optimizer and format, then by seed."""
    found: dict[tuple[str, str], dict[int, Any]] = {}
    for run in runs:
        found.setdefault((run["optimizer"], run["format"]), {})[run["seed"]] = run[measure]
    return found


def draw(runs: Sequence[dict[str, Any]]) -> None:
    """Draw one column for each optimizer: the GPT's loss, its distance to float32's, and the digits' loss."""
    optimizers = names(runs, "optimizer")
    figure = Figure(figsize=(3.4 * len(optimizers), 8.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    axes = figure.subplots(3, len(optimizers), sharey="row", squeeze=False, height_ratios=(3, 2, 3))
    for (loss, distance, digits), optimizer in zip(axes.T, optimizers, strict=True):
        loss.set_title(optimizer, loc="left", weight="bold", color=INK)
        own = curves(runs, "gpt", optimizer)
        lines_of(own, loss)
        lines_of({form: 100 * smooth(curve / own[REFERENCE] - 1) for form, curve in own.items()}, distance)
        distance.axhspan(-100 * LIMIT, 100 * LIMIT, color="#000000", alpha=0.06, lw=0)
        lines_of(curves(runs, "digits", optimizer), digits)
        digits.set(yscale="log", xlabel="steps")
    for own, words in zip(axes[:, 0], ROWS, strict=True):
        own.set_ylabel(words, color=INK)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, labelcolor=INK)
    figure.savefig(ROOT / "docs" / "precision.png", dpi=150)


def lines_of(drawn: Mapping[str, NDArray[np.float64]], axes: Axes) -> None:
    """Draw a line for each format, float32's on top."""
    for form, curve in drawn.items():
        style = {"color": COLORS.get(form, "#888888"), "linestyle": "-" if form in COLORS else ":"}
        axes.plot(10 * np.arange(len(curve)) + 5, curve, label=form, zorder=3 if form == REFERENCE else 2, **style)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)


def curves(runs: Sequence[dict[str, Any]], task: str, optimizer: str) -> dict[str, NDArray[np.float64]]:
    """Give the training loss of each format, the mean over the seeds that all have."""
    own = by_seed([run for run in runs if run["task"] == task and run["optimizer"] == optimizer], "curve")
    seeds = set.intersection(*(set(found) for found in own.values())) if own else set()
    return {form: np.mean([found[seed] for seed in sorted(seeds)], axis=0) for (_, form), found in own.items()}


def smooth(curve: NDArray[np.float64], reach: int = 2) -> NDArray[np.float64]:
    """Average each point with its neighbours."""
    return np.array([curve[max(0, at - reach) : at + reach + 1].mean() for at in range(len(curve))])
