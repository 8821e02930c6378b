"""How near the rate that `thalweg.find_lr` finds is to the best one of a sweep, on ten small trainings.

    python benchmarks/find_lr.py [--tuned-on] [--task NAME] [--same-sweeps]
    python benchmarks/find_lr.py --same-sweeps --thorough
    python benchmarks/find_lr.py --sweep-of 45

The sweep trains with rates a factor of two apart, 150 steps each, falling along a cosine to zero, from three seeds; the
best rate has the lowest mean loss on a thousand examples afterwards. As good as the best one is a rate whose mean loss
is higher by no more than one standard deviation of the best rate's losses between seeds. The finder starts from other
seeds. `--tuned-on` measures on the tasks by which the finder's numbers were chosen. Writes
benchmarks/results/find_lr.json, and the table of docs/groups-and-rate.md; with `--same-sweeps`, which the finder has no
part in, the sweeps are those of the last time. `--thorough` lets the finder train from the start as well, and writes
nothing. `--sweep-of` asks how near whole sweeps of shorter trainings come, from
other seeds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from reports.find_lr import sentences, write
from tasks.find_lr import TASKS, TUNED_ON, Task, batches_without_end
from tasks.find_lr_tuning import MORE
from torch import nn

import thalweg

RESULTS = Path(__file__).parent / "results" / "find_lr.json"
STEPS, SEEDS, SWEEPS = 150, 2, 3
UNITS = {"Lion": 1 / 16, "SGD": 4.0, "Adagrad": 4.0, "Muon": 4.0}
"""Where the sweep lies, times 2**-10 to 2."""


def trained(task: Task, lr: float, seed: int, steps: int = STEPS) -> float:
    """Train with one rate; give the loss afterwards, or infinity."""
    torch.manual_seed(seed)
    net = task.net()
    optimizer = task.built(net, lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _, batch in zip(range(steps), batches_without_end(task, seed), strict=False):
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


def found(task: Task, seed: int, thorough: bool = False) -> thalweg.tools.range_test.find_lr.Found:
    """Search from another seed than the sweep's."""
    torch.manual_seed(50 + seed)
    net = task.net()
    return thalweg.find_lr(net, task.built(net, 1e-3), task.batches(50 + seed), task.loss, thorough=thorough)


def swept(task: Task, seed: int = 0, steps: int = STEPS) -> dict[float, float]:
    """Train with each rate; give the losses afterwards."""
    rates = [UNITS.get(task.optimizer, 1.0) * 2.0**power for power in range(-10, 2)]
    return {rate: trained(task, rate, seed, steps) for rate in rates}


def best_of(sweep: dict[float, float]) -> float:
    return min(sweep, key=lambda rate: sweep[rate])


def compare_sweeps(tasks: list[Task], steps: int) -> None:
    """Say how near the best rate of short trainings comes to that of long ones."""
    ratios = []
    for task in tasks:
        best = best_of(swept(task))
        ratios += [best_of(swept(task, seed, steps)) / best for seed in range(1, SEEDS + 1)]
        print(task.name, *ratios[-SEEDS:], flush=True)
    near = sum(0.5 <= ratio <= 2 for ratio in ratios)
    print(f"within a factor of 2: {near} of {len(ratios)} sweeps of {steps} steps for each rate")


def sweeps_of(task: Task) -> dict[str, list[float | None]]:
    """Sweep from several seeds: give the losses of each rate, None for a training that broke down."""
    sweeps = [swept(task, seed) for seed in range(SWEEPS)]
    return {repr(rate): [finite(sweep[rate]) for sweep in sweeps] for rate in sweeps[0]}


def finite(loss: float) -> float | None:
    return round(loss, 4) if math.isfinite(loss) else None


def as_good_as_the_best(sweeps: dict[str, list[float | None]]) -> tuple[float, list[float]]:
    """Give the rate of the lowest mean loss, and all that are as good: rates that broke down once are not."""
    losses = {float(rate): of for rate, of in sweeps.items() if None not in of}
    means = {rate: mean(of) for rate, of in losses.items()}
    best = best_of(means)
    return best, [rate for rate in means if means[rate] <= means[best] + stdev(losses[best])]


def row(task: Task, sweeps: dict[str, list[float | None]] | None, thorough: bool) -> dict[str, Any]:
    sweeps = sweeps or sweeps_of(task)
    best, as_good = as_good_as_the_best(sweeps)
    searches = [found(task, seed, thorough) for seed in range(SEEDS)]
    return {
        "task": task.name,
        "best of the sweep": best,
        "as good": as_good,
        "found over best": [None if search.lr is None else round(search.lr / best, 2) for search in searches],
        "steps": [search.steps for search in searches],
        "sweep": sweeps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuned-on", action="store_true")
    parser.add_argument("--task")
    parser.add_argument("--same-sweeps", action="store_true", help="take the sweeps of the last time")
    parser.add_argument("--thorough", action="store_true", help="search by find_lr(..., thorough=True)")
    parser.add_argument("--sweep-of", type=int, metavar="STEPS")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tasks = [
        task for task in ((*TUNED_ON, *MORE) if arguments.tuned_on else TASKS) if arguments.task in (None, task.name)
    ]
    if arguments.sweep_of:
        compare_sweeps(tasks, arguments.sweep_of)
    else:
        known = json.loads(RESULTS.read_text())["rows"] if arguments.same_sweeps else []
        sweeps = {row["task"]: row["sweep"] for row in known}
        writes = arguments.task is None and not arguments.tuned_on and not arguments.thorough
        compare_finds(tasks, sweeps, writes, arguments.thorough)


def compare_finds(tasks: list[Task], sweeps: dict[str, Any], writes: bool, thorough: bool) -> None:
    """Say how near what is found comes to the best rate of a sweep."""
    rows = []
    for task in tasks:
        rows.append(row(task, sweeps.get(task.name), thorough))
        print(*(rows[-1][name] for name in ("task", "best of the sweep", "found over best", "steps")), flush=True)
    print(*sentences(rows), sep="\n")
    if writes:
        RESULTS.write_text(json.dumps({"torch": torch.__version__, "rows": rows}, indent=1) + "\n")
        write(rows)


if __name__ == "__main__":
    main()
