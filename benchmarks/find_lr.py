"""How near the rate that `thalweg.find_lr` finds is to the best one of a sweep, on ten small trainings.

    python benchmarks/find_lr.py [--tuned-on] [--task NAME]

The sweep trains with rates a factor of two apart, 150 steps each, falling along a cosine to zero; the best one has the
lowest loss on a thousand examples afterwards. The finder starts from another seed. `--tuned-on` measures on the tasks
by which the finder's numbers were chosen. Writes benchmarks/results/find_lr.json, and the table of
docs/groups-and-rate.md.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from reports.find_lr import write
from tasks.find_lr import TASKS, TUNED_ON, Task, batches_without_end
from torch import nn

import thalweg

RESULTS = Path(__file__).parent / "results" / "find_lr.json"
STEPS, SEEDS = 150, 2
UNITS = {"Lion": 1 / 16, "SGD": 4.0, "Adagrad": 4.0, "Muon": 4.0}
"""Where the sweep lies, times 2**-10 to 2."""


def trained(task: Task, lr: float, seed: int) -> float:
    """Train with one rate; give the loss afterwards, or infinity."""
    torch.manual_seed(seed)
    net = task.net()
    optimizer = task.built(net, lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _, batch in zip(range(STEPS), batches_without_end(task, seed), strict=False):
        optimizer.zero_grad()
        loss = task.loss(net, batch)
        if not math.isfinite(loss.item()):
            return math.inf
        loss.backward()
        optimizer.step()
        scheduler.step()
    return evaluated(task, net)


@torch.no_grad()
def evaluated(task: Task, net: nn.Module) -> float:
    losses = [task.loss(net, batch).item() for batch, _ in zip(task.batches(999), range(30), strict=False)]
    return sum(losses) / len(losses)


def found(task: Task, seed: int) -> thalweg.tools.range_test.find_lr.Found:
    """Search from another seed than the sweep's."""
    torch.manual_seed(50 + seed)
    net = task.net()
    return thalweg.find_lr(net, task.built(net, 1e-3), task.batches(50 + seed), task.loss)


def row(task: Task) -> dict[str, Any]:
    unit = UNITS.get(task.optimizer, 1.0)
    sweep = {unit * 2.0**power: trained(task, unit * 2.0**power, 0) for power in range(-10, 2)}
    best = min(sweep, key=lambda rate: sweep[rate])
    searches = [found(task, seed) for seed in range(SEEDS)]
    ratios = [None if search.lr is None else round(search.lr / best, 2) for search in searches]
    return {
        "task": task.name,
        "best of the sweep": best,
        "found over best": ratios,
        "steps": [search.steps for search in searches],
        "sweep": {f"{rate:.3g}": round(loss, 4) for rate, loss in sweep.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuned-on", action="store_true")
    parser.add_argument("--task")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for task in TUNED_ON if arguments.tuned_on else TASKS:
        if arguments.task in (None, task.name):
            rows.append(row(task))
            print(*(rows[-1][name] for name in ("task", "best of the sweep", "found over best", "steps")), flush=True)
    good = [sum(ratio is not None and 0.5 <= ratio <= 2 for ratio in each["found over best"]) for each in rows]
    print(f"within a factor of 2: {sum(good)} of {SEEDS * len(rows)} searches")
    if arguments.task is None and not arguments.tuned_on:
        RESULTS.write_text(json.dumps({"torch": torch.__version__, "rows": rows}, indent=1) + "\n")
        write(rows)


if __name__ == "__main__":
    main()
