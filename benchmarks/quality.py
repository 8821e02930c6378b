"""How well training goes in each format that parameters and states can be kept in, against float32.

    python benchmarks/quality.py [--seeds 2] [--task gpt] [--optimizer AdamW] [--only-report]

Every run of an optimizer starts from the same weights, sees the same batches and follows the same schedule. What counts
is the loss on held-out data, taken in float32 on the weights as they are kept. Runs that are in
benchmarks/results/quality.json already are not done again; `--anew` forgets them. Writes the tables and the picture of
docs/precision.md.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from reports.quality import write
from tasks.quality import TASKS, Task
from torch import Tensor, nn
from torch.func import functional_call

import thalweg

RESULTS = Path(__file__).parent / "results" / "quality.json"

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "AdamW": {"weight_decay": 0.1},
    "SGD": {"momentum": 0.9},
    "RMSProp": {},
    "Adagrad": {},
}
CLIP = 1.0
"""The largest norm of all gradients together."""

WARM_UP = 0.06
"""Of the steps; then the rate falls along a cosine to zero."""


@dataclass(frozen=True)
class Kept:
    """In what parameters are kept, what the optimizer is told, and in what the net computes."""

    dtype: torch.dtype = torch.float32
    options: dict[str, Any] = field(default_factory=dict)
    computes_in: torch.dtype | None = None


FORMATS = {
    "float32": Kept(),
    "bf16, nearest": Kept(torch.bfloat16, {"rounding": "nearest"}),
    "bf16, stochastic": Kept(torch.bfloat16, {"rounding": "stochastic"}),
    "bf16, kahan": Kept(torch.bfloat16, {"rounding": "kahan"}),
    "bf16, master": Kept(torch.bfloat16, {"rounding": "master"}),
    "8bit states": Kept(options={"state_dtype": "8bit"}),
    "4bit states": Kept(options={"state_dtype": "4bit"}),
    "float32, computing in bf16": Kept(computes_in=torch.bfloat16),
}


def share_of_rate(step: int, steps: int) -> float:
    """Warm up, then fall along a cosine."""
    warm_up = WARM_UP * steps
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def train(task: Task, name: str, kept: Kept, seed: int, lr: float) -> dict[str, Any]:
    """Train once; give the loss of each step, and of the held-out data at the end."""
    torch.manual_seed(seed)
    net = task.net().to(kept.dtype)
    options = {"lr": lr, "seed": seed, "max_grad_norm": CLIP} | OPTIMIZERS[name] | kept.options
    optimizer = getattr(thalweg, name)(net.parameters(), **options)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: share_of_rate(step, task.steps))
    forward = computing(net, kept)
    losses = []
    for inputs, targets in task.batches(seed):
        optimizer.zero_grad()
        loss = task.loss(forward(inputs), targets)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return {"losses": losses, "held out": evaluate(task, net)}


def computing(net: nn.Module, kept: Kept) -> Callable[[Tensor], Tensor]:
    """Run the net in the format that its parameters have, or on a copy of them in another."""
    dtype = kept.computes_in or kept.dtype

    def forward(inputs: Tensor) -> Tensor:
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        if kept.computes_in is None:
            return net(inputs)
        return functional_call(net, {name: param.to(dtype) for name, param in net.named_parameters()}, (inputs,))

    return forward


@torch.no_grad()
def evaluate(task: Task, net: nn.Module) -> float:
    """Compute the loss of all held-out data in float32, on the weights as they are kept."""
    net = copy.deepcopy(net).float()
    inputs, targets = task.held_out()
    pieces = zip(inputs.split(128), targets.split(128), strict=True)
    total = sum(float(task.loss(net(some), those)) * len(some) for some, those in pieces)
    return total / len(inputs)


def row(task: Task, name: str, form: str, seed: int) -> dict[str, Any]:
    """Train once, and sum it up: means of tens of steps make the curve."""
    found = train(task, name, FORMATS[form], seed, task.rates[name])
    losses, tenth = found["losses"], task.steps // 10
    return {
        "task": task.name,
        "optimizer": name,
        "format": form,
        "seed": seed,
        "held-out loss": round(found["held out"], 5),
        "training loss": round(sum(losses[-tenth:]) / tenth, 5),
        "curve": [round(sum(losses[at : at + 10]) / 10, 4) for at in range(0, task.steps - 9, 10)],
    }


def wanted(arguments: argparse.Namespace) -> Iterator[tuple[Task, str, str, int]]:
    """List the runs: a whole set for each seed before the next."""
    for task in TASKS:
        if arguments.task in (None, task.name):
            for seed in range(arguments.seeds * task.seeds):
                for name in OPTIMIZERS:
                    if arguments.optimizer in (None, name):
                        yield from ((task, name, form, seed) for form in FORMATS)


def place() -> dict[str, Any]:
    """Say with what this was measured."""
    version = ".".join(map(str, sys.version_info[:3]))
    return {"python": version, "torch": torch.__version__, "thalweg": thalweg.__version__}


def order(found: dict[str, Any]) -> tuple[int, int, int, int]:
    """Sort runs as the tables have them."""
    tasks = [task.name for task in TASKS]
    return (
        tasks.index(found["task"]),
        list(OPTIMIZERS).index(found["optimizer"]),
        list(FORMATS).index(found["format"]),
        found["seed"],
    )


def key(found: dict[str, Any]) -> tuple[str, str, str, int]:
    """Tell runs apart."""
    return found["task"], found["optimizer"], found["format"], found["seed"]


def known() -> list[dict[str, Any]]:
    """Read the runs that are done."""
    return json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else []


def add(found: dict[str, Any]) -> None:
    """Write one run a line; read anew, as another process may add its own."""
    rows = sorted([*known(), found], key=order)
    lines = ",\n  ".join(json.dumps(found) for found in rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(f'{{"place": {json.dumps(place())},\n "runs": [\n  {lines}\n]}}\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="of the GPT; the digits have several times as many")
    parser.add_argument("--task", choices=[task.name for task in TASKS])
    parser.add_argument("--optimizer", choices=OPTIMIZERS)
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--anew", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.anew:
        RESULTS.unlink(missing_ok=True)
    done = {key(found) for found in known()}
    for task, name, form, seed in [] if arguments.only_report else wanted(arguments):
        if (task.name, name, form, seed) not in done:
            found = row(task, name, form, seed)
            add(found)
            print(*key(found), found["held-out loss"], found["training loss"], file=sys.stderr, flush=True)
    write(known(), place())


if __name__ == "__main__":
    main()
