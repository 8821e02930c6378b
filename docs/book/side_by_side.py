"""The page that has the memory and the speed of all optimizers in one table, which is sorted by a click."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from thalweg import Optimizer
from thalweg.optimizers.closure.optimizer import ClosureOptimizer

from .catalogue_page import family
from .markdown import table
from .optimizer_page import catalogue, file_name
from .quality import best_loss
from .sizes import FORMATS, bytes_an_element, sizes

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "catalogue.json"

SPEEDS = {
    "148 tensors, ms": ("model, ms", 1),
    "MLP, us": ("small, us", 1),
    "memory's speed, %": ("of memory speed", 100),
}
"""Columns of speed: their key in the results, and by how much that is multiplied."""

LOSS = "loss, nats"

START = """# Side by side

This table has the memory and the speed of every optimizer. Click on the head of a column to sort the table by it, and
once more to reverse the order; with the keyboard, go to the head and press Enter. A cell is empty if the optimizer
refuses the format, or if nothing was measured.

- *148 tensors* and *MLP* are times of a step: of a model with 148 tensors and 10 million elements (without its
  embeddings if the optimizer is for matrices), and of a small perceptron.
- *Memory's speed* says how fast a step moves memory, as a share of the speed at which one large tensor is multiplied in
  place. [Benchmarks](../benchmarks.md#every-rule) says how, when and on which processor all three were measured, and
  compares them with other libraries.
- *Loss* is the loss of [a small language model](../choose.md#what-was-measured) at the best learning rate. Lower is
  better; that page says how far apart two losses must be to mean anything.
- The columns *float32* to *bf16 stochastic 8bit* count bytes for each element of a large matrix in this format: those
  of the parameter, of what is stored beside it, and of the states together. Gradients are not counted.
  [Precision and memory](../precision.md) explains the formats."""


def side_by_side() -> str:
    """Write the page."""
    head = ("optimizer", "family", *SPEEDS, LOSS, *map(format_name, FORMATS))
    speeds = {row["optimizer"]: row for row in json.loads(RESULTS.read_text())["rules"]}
    rows = [tuple(_cells(cls, speeds.get(cls.__name__, {}))) for cls in catalogue() if not _is_closure(cls)]
    return f"{START}\n\n````{{table}}\n:class: sortable\n\n{table(head, rows)}\n````\n"


def format_name(kept: tuple[torch.dtype, dict[str, Any]]) -> str:
    """Name a format in a few words, as bf16 stochastic 8bit."""
    dtype, options = kept
    return " ".join([{torch.float32: "float32", torch.bfloat16: "bf16"}[dtype], *options.values()])


def _is_closure(cls: type[Optimizer]) -> bool:
    """Tell whether a method evaluates the loss again and again: its states depend on the problem."""
    return issubclass(cls, ClosureOptimizer)


def _cells(cls: type[Optimizer], speeds: dict[str, Any]) -> Iterator[str]:
    yield f"[{cls.__name__}]({file_name(cls)}.md)"
    yield family(cls).replace("_", " ")
    yield from (written(times * speeds[key]) if speeds.get(key) else "" for key, times in SPEEDS.values())
    yield best_loss(cls.__name__)
    yield from (bytes_an_element(sum(kept)) if kept else "" for kept in sizes(cls))


def written(value: float) -> str:
    """Write three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
