"""Every rule of the catalogue: how near it comes to memory's speed, and how much faster it is than others' code.

    python benchmarks/catalogue.py [--rounds 5] [--threads 2] [--only Lion,SOAP]

Others are torch.optim, pytorch_optimizer, schedulefree, kron_torch and galore_torch, where they are installed. Both
rules called Kron need opt_einsum; galore_torch needs transformers and bitsandbytes. Writes
benchmarks/results/catalogue.json and the table in docs/benchmarks.md, rule by rule: a run that is stopped keeps what it
has measured, and rows of other rules stay.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measuring.timing import ratio, take_turns
from measuring.traffic import KINDS, bytes_of_step, catalogue, options_of
from peers.same_rule import Step, peers, peers_of_low_rank
from reports.catalogue import table
from step_time import REFERENCE, machine
from tasks.workloads import Workload, gpt, mlp
from torch import Tensor

from thalweg import APOLLO, Alice, Fira, GaLore, QGaLore
from thalweg.beyond_gradients.with_loss import WithLoss
from thalweg.optimizer import Optimizer
from thalweg.optimizers.wrappers.low_rank import LowRank

RESULTS = Path(__file__).parent / "results" / "catalogue.json"
LARGE = Workload("4 x 8M", lambda: iter([(2_000, 4_000)] * 4), 1)
SMALL = Workload("MLP, 6 tensors", mlp, 100)
MODEL = Workload("GPT, 148 tensors, 10M", gpt, 1)
MATRIX = "thalweg.optimizers.matrix."
OTHER_KINDS = [f"thalweg.optimizers.{kind}." for kind in ("rows", "matrix", "second_order", "interpolation")]
LOW_RANK = (APOLLO, Alice, Fira, GaLore, QGaLore)
RANKS = {MODEL.name: 60, SMALL.name: 8}
"""A quarter of the model's width, and what the perceptron's last matrix has room for."""
NOT_MEASURED = {"AdaHessian", "BSAM", "IVON"}
"""What takes no step before it has seen a Hessian."""


def fit(cls: type[Optimizer], params: list[Tensor]) -> list[Tensor]:
    """Leave out the parameters that a rule is not for; embeddings are not for rules that multiply matrices."""
    options = cls([torch.zeros(4, 4)], **options_of(cls)).param_groups[0]
    most = 1_000 if cls.__module__.startswith(MATRIX) else sys.maxsize
    return [param for param in params if cls.unfit(param, options) is None and len(param) < most]


def refuse_too_much_memory() -> None:
    """Let a request for more than half of the machine's memory fail, as the system would end the whole run.

    Without opt_einsum, pytorch_optimizer's Kron asks for 15 GB for the model of 10M parameters.
    """
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def warm(cls: type[Optimizer], params: list[Tensor], **options: Any) -> Step:
    """Give the step of an optimizer that has been in each of its phases twice: kernels and plans are there."""
    optimizer = cls(params, **options_of(cls), **options)
    step = partial(optimizer.step, loss=1.0) if isinstance(optimizer, WithLoss) else optimizer.step
    for _ in cls.phases * 2:
        step()
    return step


def warm_low_rank(cls: type[LowRank], params: list[Tensor], rank: int) -> Step:
    """Give the step of an optimizer of low rank that has its directions."""
    optimizer = cls(params, rank=rank)
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
    return on_model({"thalweg": warm(cls, own)} | peers(cls, own), rounds)


def on_model(steps: dict[str, Step], rounds: int) -> dict[str, Any]:
    """Time our step and others', in turns."""
    times = take_turns(steps, dict.fromkeys(steps, MODEL.repeats), rounds)
    return {
        "model, ms": 1e3 * median(times["thalweg"]),
        "times faster than": {name: ratio(times, name, "thalweg") for name in steps if name != "thalweg"},
    }


def small(step: Step, rounds: int) -> float:
    """Time a step of a small perceptron, in microseconds: the best of some runs, as others may be at work."""
    return 1e6 * min(take_turns({"own": step}, {"own": SMALL.repeats}, 4 * rounds)["own"])


def row(cls: type[Optimizer], large: list[Tensor], reference: Tensor, rounds: int) -> dict[str, Any]:
    """Measure a rule."""
    memory = {} if cls.__module__.startswith(MATRIX) else against_memory(cls, large, reference, rounds)
    perceptron = warm(cls, fit(cls, SMALL.params()))
    return memory | against_others(cls, MODEL.params(), rounds) | {"small, us": small(perceptron, rounds)}


def row_of_low_rank(cls: type[LowRank], rounds: int) -> dict[str, Any]:
    """Measure a method of low rank around AdamW."""
    params, rank = [param for param in MODEL.params() if len(param) < 1_000], RANKS[MODEL.name]
    steps = {"thalweg": warm_low_rank(cls, params, rank)} | peers_of_low_rank(cls, params, rank)
    perceptron = warm_low_rank(cls, SMALL.params(), RANKS[SMALL.name])
    return on_model(steps, rounds) | {"small, us": small(perceptron, rounds)}


def measurements(rounds: int) -> Iterator[tuple[type, Callable[[], dict[str, Any]]]]:
    """Give every rule, and what measures it."""
    large, reference = LARGE.params(), torch.ones(REFERENCE)
    for cls in catalogue((*KINDS, *OTHER_KINDS)):
        if cls.__name__ not in NOT_MEASURED:
            yield cls, partial(row, cls, large, reference, rounds)
    for low in LOW_RANK:
        yield low, partial(row_of_low_rank, low, rounds)


def written(found: Iterable[tuple[type, Callable[[], dict[str, Any]]]]) -> None:
    """Measure, and write each rule's row in the place of the one that it had before."""
    for cls, measure in found:
        kind = cls.__module__.split(".")[2]
        known = {row["optimizer"]: row for row in json.loads(RESULTS.read_text())["rules"]}
        known[cls.__name__] = {"optimizer": cls.__name__, "kind": kind, **measure(), "machine": machine()}
        print(known[cls.__name__], file=sys.stderr)
        rules = sorted(known.values(), key=lambda row: row["optimizer"].lower())
        results = {"rules": rules}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        table(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", help="names, with commas between them")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    refuse_too_much_memory()
    only = arguments.only and arguments.only.split(",")
    written(pair for pair in measurements(arguments.rounds) if not only or pair[0].__name__ in only)


if __name__ == "__main__":
    main()
