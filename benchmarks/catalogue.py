"""Every rule of the catalogue: how near it comes to memory's speed, and how much faster it is than others' code.

    python benchmarks/catalogue.py [--rounds 5] [--threads 2] [--only Lion,SOAP]

Others are torch.optim, pytorch_optimizer and schedulefree, where they are installed. Writes
benchmarks/results/catalogue.json and the table in docs/benchmarks.md; with --only, rows of other rules stay.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch
from catalogue_report import table
from step_time import REFERENCE, machine
from timing import ratio, take_turns
from torch import Tensor
from traffic import KINDS, bytes_of_step, catalogue, options_of
from workloads import Workload, gpt, mlp

from thalweg.optimizer import Optimizer

RESULTS = Path(__file__).parent / "results" / "catalogue.json"
LARGE = Workload("4 x 8M", lambda: iter([(2_000, 4_000)] * 4), 1)
SMALL = Workload("MLP, 6 tensors", mlp, 100)
MODEL = Workload("GPT, 148 tensors, 10M", gpt, 1)
ROWS, MATRIX = "thalweg.optimizers.rows.", "thalweg.optimizers.matrix."

Step = Callable[[], object]


def fit(cls: type[Optimizer], params: list[Tensor]) -> list[Tensor]:
    """Leave out the parameters that a rule is not for; embeddings are not for rules that multiply matrices."""
    options = cls([torch.zeros(4, 4)], **options_of(cls)).param_groups[0]
    most = 1_000 if cls.__module__.startswith(MATRIX) else sys.maxsize
    return [param for param in params if cls.unfit(param, options) is None and len(param) < most]


def theirs(cls: type[Optimizer]) -> Iterator[tuple[str, Any]]:
    """Find the classes of the same name in other libraries."""
    name = cls.__name__.lower()
    known = {"torch": {key.lower(): getattr(torch.optim, key) for key in torch.optim.__all__ if key[0].isupper()}}
    if find_spec("pytorch_optimizer"):
        known["pytorch_optimizer"] = import_module("pytorch_optimizer.optimizer").OPTIMIZERS
    if find_spec("schedulefree"):
        # Theirs are called the other way round: AdamWScheduleFree.
        classes = vars(import_module("schedulefree")).items()
        known["schedulefree"] = {
            "schedulefree" + key.lower().removesuffix("schedulefree"): kind for key, kind in classes
        }
    yield from ((library, classes[name]) for library, classes in known.items() if name in classes)


def peers(cls: type[Optimizer], params: list[Tensor]) -> dict[str, Step]:
    """Make the steps of others; what cannot be made from parameters and a rate alone is left out."""
    steps: dict[str, Step] = {}
    for library, kind in theirs(cls):
        try:
            optimizer = kind(params, **options_of(cls) | {"lr": 1e-3})
            if hasattr(optimizer, "train"):
                optimizer.train()
            optimizer.step()
        except Exception as error:
            print(f"{library}'s {kind.__name__}: {error!r}"[:160], file=sys.stderr)
        else:
            steps[library] = optimizer.step
    return steps


def warm(cls: type[Optimizer], params: list[Tensor], **options: Any) -> Step:
    """Give the step of an optimizer that has been in each of its phases twice: kernels and plans are there."""
    optimizer = cls(params, **options_of(cls), **options)
    for _ in cls.phases * 2:
        optimizer.step()
    return optimizer.step


def against_memory(cls: type[Optimizer], params: list[Tensor], reference: Tensor, rounds: int) -> dict[str, Any]:
    """Compare a step of four large matrices with the in-place product, and with the cautious step."""
    steps: dict[str, Step] = {"plain": warm(cls, params), "memory": lambda: reference.mul_(1.0)}
    if "cautious" not in cls.refuses:
        steps["cautious"] = warm(cls, params, cautious=True)
    times = take_turns(steps, dict.fromkeys(steps, 1), rounds)
    bytes_each = bytes_of_step(cls, "float32", (64, 128))
    moved = bytes_each * sum(param.numel() for param in params)
    turns = zip(times["plain"], times["memory"], strict=True)
    return {
        "bytes an element": bytes_each,
        "of memory speed": median(moved / ours / (8 * REFERENCE / memory) for ours, memory in turns),
        "cautious": ratio(times, "cautious", "plain") if "cautious" in steps else None,
    }


def against_others(cls: type[Optimizer], params: list[Tensor], rounds: int) -> dict[str, Any]:
    """Compare a step of a model of 148 tensors with others'."""
    own = fit(cls, params)
    steps = {"thalweg": warm(cls, own)} | peers(cls, own)
    times = take_turns(steps, dict.fromkeys(steps, MODEL.repeats), rounds)
    return {
        "model, ms": 1e3 * median(times["thalweg"]),
        "times faster than": {name: ratio(times, name, "thalweg") for name in steps if name != "thalweg"},
    }


def small(cls: type[Optimizer], rounds: int) -> float:
    """Time a step of a small perceptron, in microseconds: the best of some runs, as others may be at work."""
    step = warm(cls, fit(cls, SMALL.params()))
    return 1e6 * min(take_turns({"own": step}, {"own": SMALL.repeats}, 4 * rounds)["own"])


def rows(classes: list[type[Optimizer]], rounds: int) -> Iterator[dict[str, Any]]:
    """Measure every rule."""
    large, model, reference = LARGE.params(), MODEL.params(), torch.ones(REFERENCE)
    for cls in classes:
        row = {"optimizer": cls.__name__, "kind": cls.__module__.split(".")[2]}
        if not cls.__module__.startswith(MATRIX):
            row |= against_memory(cls, large, reference, rounds)
        row |= against_others(cls, model, rounds) | {"small, us": small(cls, rounds)}
        print(row, file=sys.stderr)
        yield row


def beside_known(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put rows in place of those that rules had before, and keep those of all others."""
    known = {row["optimizer"]: row for row in json.loads(RESULTS.read_text())["rules"]}
    known |= {row["optimizer"]: row for row in measured}
    return sorted(known.values(), key=lambda row: row["optimizer"].lower())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", help="names, with commas between them")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    classes = catalogue((*KINDS, ROWS, MATRIX))
    if arguments.only:
        classes = [cls for cls in classes if cls.__name__ in arguments.only.split(",")]
    measured = list(rows(classes, arguments.rounds))
    results = {"machine": machine(), "rules": beside_known(measured) if arguments.only else measured}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table(results)


if __name__ == "__main__":
    main()
