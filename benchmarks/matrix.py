"""How long Muon takes: against torch.optim's, and against the products of matrices that it is made of.

    python benchmarks/matrix.py [--rounds 9] [--threads 2]

Writes benchmarks/results/matrix.json, and the table of docs/benchmarks.md.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measuring.timing import ratio, take_turns
from reports.page import ROOT, replace, time
from step_time import machine
from tasks.workloads import gpt
from torch import Tensor

import thalweg

RESULTS = Path(__file__).parent / "results" / "matrix.json"
STEPS = 5

Shapes = list[tuple[int, ...]]


def blocks(layers: int, width: int) -> Shapes:
    """Shape the matrices of a GPT's blocks, without its embeddings."""
    return [shape for shape in gpt(layers, width, 1, 1) if len(shape) == 2 and 1 not in shape]


WORKS: dict[str, Shapes] = {
    "200 of 16 x 16": [(16, 16)] * 200,
    "64 of 64 x 64": [(64, 64)] * 64,
    "blocks of a GPT, 6 layers, width 128": blocks(6, 128),
    "blocks of a GPT, 12 layers, width 384": blocks(12, 384),
    "blocks of GPT-2 small": blocks(12, 768),
}


def params_of(shapes: Shapes) -> list[Tensor]:
    """Make parameters with gradients."""
    params = [torch.randn(shape, requires_grad=True) for shape in shapes]
    for param in params:
        param.grad = torch.randn_like(param)
    return params


def products(shapes: Shapes) -> Callable[[], None]:
    """Make the products of all steps, and nothing else, for all matrices of a shape at once."""
    stacks = []
    for shape in dict.fromkeys(shapes):
        rows, columns = min(shape), max(shape)
        wide = torch.randn(shapes.count(shape), rows, columns).bfloat16()
        stacks.append((wide, wide @ wide.mT))

    def multiply() -> None:
        for wide, square in stacks:
            for _ in range(STEPS):
                wide @ wide.mT
                square @ square
                square @ wide

    return multiply


def measured(rounds: int) -> Iterator[dict[str, Any]]:
    """Time all of them in turns."""
    for name, shapes in WORKS.items():
        steps: dict[str, Callable[[], object]] = {
            "thalweg": thalweg.Muon(params_of(shapes)).step,
            "torch": torch.optim.Muon(params_of(shapes)).step,
            "products": products(shapes),
        }
        times = take_turns(steps, dict.fromkeys(steps, 1), rounds)
        yield {
            "work": name,
            "microseconds": {step: 1e6 * median(series) for step, series in times.items()},
            "times torch": ratio(times, "torch", "thalweg"),
            "of the products' speed": ratio(times, "products", "thalweg"),
        }


def table(results: dict[str, Any]) -> Iterator[str]:
    """Write what a person reads."""
    where = results["machine"]
    yield (
        f"Measured on {where['date']} with {where['threads']} threads of an {where['cpu']}, torch {where['torch']}. "
        "Times are medians of interleaved runs.\n"
    )
    yield "| matrices | thalweg | torch.optim.Muon | | the products alone | their share of the step |"
    yield "|---|---|---|---|---|---|"
    for row in results["rows"]:
        ours, theirs, alone = (time(row["microseconds"][name]) for name in ("thalweg", "torch", "products"))
        share = row["of the products' speed"]
        yield f"| {row['work']} | {ours} | {theirs} | {row['times torch']:.1f}x | {alone} | {share:.0%} |"


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    results = {"machine": machine(), "rows": list(measured(chosen.rounds))}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    text = "\n".join(table(results))
    print(text)
    replace(ROOT / "docs" / "benchmarks.md", "matrix", text)


if __name__ == "__main__":
    main()
