"""The peak memory of a training step: with the step after backward, and inside of it.

    python benchmarks/memory.py

Each variant runs in a process of its own, whose peak the operating system knows. Writes
benchmarks/results/memory.json, and the table of docs/precision.md.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from reports.page import ROOT, replace
from torch import nn

import thalweg

RESULTS = Path(__file__).parent / "results" / "memory.json"
WIDTH, LAYERS, STEPS = 2048, 16, 3
RETURNING = {"MALLOC_MMAP_THRESHOLD_": "1000000"}
"""Has glibc give freed tensors back at once, as the allocators of GPUs do; else holes between live ones count too."""

VARIANTS = ("after backward", "inside backward")


def net() -> nn.Sequential:
    """Make a stack of large layers: their gradients are what memory is needed for."""
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))


def peak(variant: str) -> None:
    """Train, and print the most memory that this process has had, above what it had at the start, in bytes."""
    model = net()
    optimizer = thalweg.AdamW(model.parameters(), state_dtype="8bit")
    if variant == "inside backward":
        thalweg.in_backward(model, optimizer)
    for _ in range(STEPS):
        model(torch.randn(4, WIDTH)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak": 1024 * kilobytes, "memory": vars(optimizer.memory().all)}))


def measured() -> dict[str, Any]:
    """Run each variant."""
    command, environment = [sys.executable, __file__], os.environ | RETURNING
    runs = {
        name: subprocess.run([*command, name], env=environment, capture_output=True, text=True, check=True)
        for name in VARIANTS
    }
    results = {name: json.loads(run.stdout) for name, run in runs.items()}
    after, inside = (results[name]["peak"] for name in VARIANTS)
    return results | {"saved": after - inside, "gradients": results[VARIANTS[0]]["memory"]["gradients"]}


def table(results: dict[str, Any]) -> Iterator[str]:
    """Write what a person reads."""
    yield (
        f"The peak memory of a process that trains {LAYERS} layers of {WIDTH} x {WIDTH} in float32, by AdamW with "
        "8-bit states:\n"
    )
    yield "| step | peak memory |\n|---|---|"
    for name in VARIANTS:
        yield f"| {name} | {results[name]['peak'] / 1e6:.0f} MB |"
    yield (
        f"\nStepping inside of backward saves {results['saved'] / 1e6:.0f} MB; all gradients together take "
        f"{results['gradients'] / 1e6:.0f} MB."
    )


def main() -> None:
    """Measure, and write."""
    if len(sys.argv) > 1:
        peak(sys.argv[1])
        return
    results = measured()
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    text = "\n".join(table(results))
    print(text)
    if (ROOT / "docs" / "precision.md").exists():
        replace(ROOT / "docs" / "precision.md", "memory", text)


if __name__ == "__main__":
    main()
