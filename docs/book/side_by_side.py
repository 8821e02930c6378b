"""The page that has the memory and the speed of all rules in one table, which is sorted by a click."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from thalweg import Optimizer
from thalweg.optimizers.closure.optimizer import ClosureOptimizer

from .catalogue_page import family
from .markdown import table
from .measured import measured
from .optimizer_page import catalogue, file_name
from .quality import best_loss
from .sizes import FORMATS, bytes_an_element, sizes

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "catalogue.json"

SPEEDS = {
    "memory's speed, %": ("of memory speed", 100),
    "148 tensors, ms": ("model, ms", 1),
    "MLP, us": ("small, us", 1),
}
"""Columns of speed: their key in the results, and by how much that is multiplied."""

LOSS = "loss, nats"

START = """# Side by side

Every rule, with what it keeps and how fast it steps. Click on the head of a column to sort the table by it, and once
more to reverse the order; on the keyboard, press Enter there. A cell is empty where a format is refused, or where
nothing was measured.

The columns of formats are **bytes an element** of a large matrix: the parameter, what is kept beside it, and states,
all in all; gradients come on top. [Precision](../precision.md) says what the formats are. **Memory's speed** is the
share of the speed of an in-place product of a large tensor. The two times are those of a step: of a model of 148
tensors and 10 million elements, without its embeddings where a rule is for matrices, and of a small perceptron.
[Benchmarks](../benchmarks.md) says how they were measured, and compares with other libraries. The **loss** is that of
[a small language model](../choose.md#what-was-measured) at the best rate: lower is better, and that page says how far
apart losses must be to mean anything."""


def side_by_side() -> str:
    """Write the page."""
    head = ("rule", "family", *map(format_name, FORMATS), *SPEEDS, LOSS)
    speeds = {row["optimizer"]: row for row in json.loads(RESULTS.read_text())["rules"]}
    rows = [tuple(_cells(cls, speeds.get(cls.__name__, {}))) for cls in catalogue() if not _is_closure(cls)]
    place = measured("benchmarks.md", "catalogue").above
    return f"{START}\n\n{place}\n\n````{{table}}\n:class: sortable\n\n{table(head, rows)}\n````\n"


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
    yield from (bytes_an_element(sum(kept)) if kept else "" for kept in sizes(cls))
    yield from (written(times * speeds[key]) if speeds.get(key) else "" for key, times in SPEEDS.values())
    yield best_loss(cls.__name__)


def written(value: float) -> str:
    """Write three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
