"""From raw numbers to what a person reads: tables in README.md and docs/benchmarks.md, and a picture."""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from reports.page import BLUE, GREY, ROOT, place, replace, time


def tables(results: dict[str, Any]) -> None:
    """Write the tables where the documents have their marks."""
    replace(ROOT / "README.md", "step_time", "\n".join(summary(results)))
    replace(ROOT / "docs" / "benchmarks.md", "step_time", "\n".join([*summary(results), "", *everything(results)]))


def summary(results: dict[str, Any]) -> Iterator[str]:
    """Say for each workload how the optimizers do together."""
    yield place(results)
    yield ""
    yield from (f"- *{name}*: {what}" for name, what in WORK.items())
    yield ""
    yield "| work | memory's speed reached | where torch has a fused kernel | where it has none | Adam's step |"
    yield "|---|---|---|---|---|"
    for name, rows in by_workload(results).items():
        speeds = [row["of memory speed"] for row in rows]
        fused = [row["times torch's best"] for row in rows if row["times torch's fused"]]
        others = [row["times torch's best"] for row in rows if row["torch's best"] and not row["times torch's fused"]]
        adam = next(row for row in rows if row["optimizer"] == "Adam")["microseconds"]["thalweg"]
        speed = f"{min(speeds):.0%} to {max(speeds):.0%}" if name in LARGE else ""
        yield f"| {name} | {speed} | {span(fused)} | {span(others)} | {time(adam)} |"
    yield ""
    first, threads = results["first step, ms"], results["two threads over one"]
    cold, warm, extra = first["cold"], first["disk cache warm"], results["extra memory of a step, MB"]
    yield (
        f"- The first step of a fresh process takes {cold:.0f} ms longer than the next one, "
        f"or {warm:.0f} ms longer if its compiled code is on disk."
    )
    yield (
        f"- Two threads are {threads['in cache']:.2f} times as fast as one on tensors that lie in the cache, "
        f"and {threads['in memory']:.2f} times on larger ones."
    )
    more = f"{extra:.1f} MB" if extra >= 0.05 else "less than 0.05 MB"
    yield f"- A step takes {more} of memory beside parameters, gradients and states."
    for name, row in results["new gradients"].items():
        yield (
            f"- Adam on *{name}*, with new gradient tensors in each step, takes {time(row['thalweg'])}: "
            f"{row['ratio']:.1f} times faster than torch's fused step."
        )


WORK = {
    "4 x 8M": "four tensors of 8 million elements",
    "GPT, 148 tensors, 10M": "the shapes of GPT-2, scaled down to 10 million elements",
    "MLP, 6 tensors": "a perceptron of three layers, with widths of 64, 32, 32 and 10",
    "1,000 x 8": "1,000 tensors of 8 elements",
}
"""What is stepped, in the order of tasks/workloads.py."""

LARGE = ("4 x 8M", "GPT, 148 tensors, 10M")
PEERS = ("torch fused", "torch foreach", "torch", "torch.compile")
COLUMNS = ("optimizer", "step", "GB/s", "memory's speed", *PEERS, "faster than torch's best")


def everything(results: dict[str, Any]) -> Iterator[str]:
    """List each optimizer on each workload."""
    for name, rows in by_workload(results).items():
        yield f"### {name}\n"
        yield "| " + " | ".join(COLUMNS) + " |"
        yield "|---" * len(COLUMNS) + "|"
        for row in rows:
            times = row["microseconds"]
            theirs = " | ".join(time(times.get(peer)) for peer in PEERS)
            best = row["times torch's best"]
            yield (
                f"| {row['optimizer']} | {time(times['thalweg'])} | {row['gigabytes a second']:.1f} | "
                f"{row['of memory speed']:.0%} | {theirs} | {f'{best:.1f}x' if best else ''} |"
            )
        yield ""


def by_workload(results: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Sort the rows by workload."""
    names = dict.fromkeys(row["workload"] for row in results["steps"])
    return {name: [row for row in results["steps"] if row["workload"] == name] for name in names}


def span(ratios: list[float]) -> str:
    """Say from where to where ratios go."""
    ends = dict.fromkeys(f"{end:.1f}" for end in (min(ratios, default=0.0), max(ratios, default=0.0)))
    if [*ends] == ["1.0"]:
        return "as fast"
    return f"{' to '.join(ends)} times faster" if ratios else ""


def picture(results: dict[str, Any]) -> None:
    """Draw how many times faster than torch's best each optimizer is, on each workload."""
    works = by_workload(results)
    figure, axes = plt.subplots(1, len(works), figsize=(13, 4.2), sharey=True, layout="constrained")
    for axis, (name, rows) in zip(axes, works.items(), strict=True):
        rows = [row for row in rows if row["times torch's best"]][::-1]
        values = [row["times torch's best"] for row in rows]
        bars = axis.barh([row["optimizer"] for row in rows], values, color=BLUE)
        axis.bar_label(bars, [f"{value:.1f}" for value in values], padding=3, fontsize=9)
        axis.axvline(1, color=GREY, linewidth=1)
        axis.set(title=name, xscale="log", xlim=(0.5, 3 * max(values)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("times faster than torch.optim's best step (fused, foreach, for-loop); at the line, as fast")
    figure.savefig(ROOT / "docs" / "step_time.png", dpi=150)
