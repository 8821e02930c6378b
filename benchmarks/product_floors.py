"""How much faster rules of whole matrices could be at most: their steps, and the products that they are made of.

    python benchmarks/product_floors.py [--rounds 3] [--threads 2] [--only Conda,SOAP]

Whatever one step of the model of 148 tensors asks torch to multiply or to decompose is noted, and then done again, and
nothing else, in memory that is in caches already. Measures the rules that are less than five times as fast as others'
in benchmarks/results/catalogue.json. Writes benchmarks/results/product_floors.json and the table in docs/benchmarks.md,
rule by rule: rows of other rules stay.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from catalogue import MATRIX, MODEL, RESULTS, fit, refuse_too_much_memory, warm
from measuring.timing import ratio, take_turns
from measuring.traffic import catalogue
from peers.same_rule import peers
from reports.page import ROOT, replace, time
from step_time import machine
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

FOUND = Path(__file__).parent / "results" / "product_floors.json"
GOAL = 5
"""How many times faster than others every rule is to be."""

FACTORS = {"mm": (0, 1), "bmm": (0, 1), "addmm": (1, 2), "baddbmm": (1, 2)}
"""Products, and the places of their factors."""

DECOMPOSITIONS = ("_linalg_eigh", "linalg_qr", "_linalg_svd", "linalg_cholesky_ex", "linalg_solve_triangular")

COLUMNS = (
    "rule",
    "others",
    "step",
    "their step",
    "times faster",
    "multiplications, ours and theirs",
    "products alone",
    "their share",
    "times faster at most",
    "threads",
    "measured on",
)


@dataclass(frozen=True)
class Call:
    """One product or decomposition, and what it was given."""

    name: str
    given: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def multiplications(self) -> float:
        """Count the multiplications of a product, in billions."""
        if self.name not in FACTORS:
            return 0.0
        left, right = (self.given[place] for place in FACTORS[self.name])
        return float(left.numel() * right.shape[-1] / 1e9)

    def again(self) -> Callable[[], object]:
        """Make it callable; a product is written where it is written once now."""
        operation = partial(getattr(torch.ops.aten, self.name), *self.given, **self.options)
        made = operation()
        return partial(operation, out=made) if isinstance(made, Tensor) else operation

    @property
    def kind(self) -> str:
        """Say what calls have in common that take the same time."""
        given = [_layout(each) if isinstance(each, Tensor) else each for each in self.given]
        return repr((self.name, given, self.options))


def _layout(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.stride(), tensor.dtype


class Watch(TorchDispatchMode):
    """Notes what torch is asked to multiply and to decompose."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note it, and do what is asked for."""
        name = function._schema.name.removeprefix("aten::").rstrip("_")
        if name in FACTORS or name in DECOMPOSITIONS:
            options = {key: value for key, value in (kwargs or {}).items() if key != "out"}
            self.calls.append(Call(name, tuple(map(_copied, args)), options))
        return function(*args, **(kwargs or {}))


def _copied(value: Any) -> Any:
    """Copy a tensor as it lies in memory."""
    return value.detach().clone(memory_format=torch.preserve_format) if isinstance(value, Tensor) else value


def watched(step: Callable[[], object]) -> list[Call]:
    """Note the calls of one step."""
    with Watch() as watch:
        step()
    return watch.calls


def only_products(calls: Collection[Call]) -> Callable[[], None]:
    """Make the calls again, and nothing else."""
    # Calls of a kind share their memory: what one step makes in caches is not to be read from elsewhere here.
    kinds = {call.kind: call for call in calls}
    again = {kind: call.again() for kind, call in kinds.items()}
    steps = [again[call.kind] for call in calls]

    def multiply() -> None:
        for step in steps:
            step()

    return multiply


def row(cls: type[Any], rounds: int) -> dict[str, Any]:
    """Measure a rule, its products alone, and others' steps."""
    params = fit(cls, MODEL.params())
    steps = {"thalweg": warm(cls, params)} | peers(cls, params)
    calls = {name: watched(step) for name, step in steps.items()}
    steps["products"] = only_products(calls["thalweg"])
    times = take_turns(steps, dict.fromkeys(steps, 1), rounds)
    return {
        "ms": {name: 1e3 * median(series) for name, series in times.items()},
        "billions": {name: sum(call.multiplications for call in found) for name, found in calls.items()},
        "decompositions": {name: sum(call.name in DECOMPOSITIONS for call in found) for name, found in calls.items()},
        "share": ratio(times, "products", "thalweg"),
        "times faster": {name: ratio(times, name, "thalweg") for name in calls if name != "thalweg"},
        "at most": {name: ratio(times, name, "products") for name in calls if name != "thalweg"},
        "machine": machine(),
    }


def slower_than_wanted() -> list[str]:
    """Name the rules that missed the goal when the catalogue was measured."""
    rows = json.loads(RESULTS.read_text())["rules"]
    return [row["optimizer"] for row in rows if any(times < GOAL for times in row["times faster than"].values())]


def lines(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Write what a person reads."""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    for rule, found in results.items():
        ms, billions, where = found["ms"], found["billions"], found["machine"]
        for name in found["times faster"]:
            yield (
                f"| {rule} | {name} | {time(1e3 * ms['thalweg'])} | {time(1e3 * ms[name])} | "
                f"{found['times faster'][name]:.2f} | {billions['thalweg']:.1f} and {billions[name]:.1f} billion | "
                f"{time(1e3 * ms['products'])} | {found['share']:.0%} | {found['at most'][name]:.2f} | "
                f"{where['threads']} | {where['cpu']}, {where['date']} |"
            )


def main() -> None:
    """Measure, and write each rule's row in the place of the one that it had before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", type=lambda names: names.split(","), help="names, with commas between them")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(chosen.threads)
    refuse_too_much_memory()
    names = chosen.only or slower_than_wanted()
    for cls in catalogue((MATRIX,)):
        if cls.__name__ in names:
            known = json.loads(FOUND.read_text()) if FOUND.exists() else {}
            results = dict(sorted((known | {cls.__name__: row(cls, chosen.rounds)}).items()))
            FOUND.write_text(json.dumps(results, indent=1) + "\n")
            replace(ROOT / "docs" / "benchmarks.md", "product floors", "\n".join(lines(results)))
            print(cls.__name__, results[cls.__name__], flush=True)


if __name__ == "__main__":
    main()
