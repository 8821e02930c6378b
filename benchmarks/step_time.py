"""How long a step takes: every optimizer against torch.optim's best, torch.compile, and the memory's own speed.

    python benchmarks/step_time.py [--rounds 9] [--threads 2] [--no-compile]

Writes benchmarks/results/step_time.json and docs/step_time.png, and the tables of README.md and docs/benchmarks.md.
"""

import argparse
import compileall
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measuring.timing import ratio, seconds, take_turns
from measuring.traffic import bytes_of_step, options_of
from reports.step_time import picture, tables
from tasks.workloads import WORKLOADS, Workload
from torch import Tensor

import thalweg
from thalweg.optimizer import Optimizer, registry

RESULTS = Path(__file__).parent / "results" / "step_time.json"
REFERENCE = 256_000_000
"""Elements of the tensor whose in-place product measures the memory: 1 GB, larger than any cache."""


def torchs(cls: type[Optimizer]) -> Any:
    """Find what torch.optim has of the same name, if it has."""
    theirs = {name.lower(): getattr(torch.optim, name) for name in torch.optim.__all__ if name[0].isupper()}
    return theirs.get(cls.__name__.lower())


def contestants(cls: type[Optimizer], params: list[Tensor], compiling: bool) -> dict[str, Callable[[], object]]:
    """Make one optimizer of each kind on the same parameters."""
    options = options_of(cls)
    steps = {"thalweg": cls(params, **options).step}
    peer = torchs(cls)
    if peer is None:
        return steps
    variants = {"torch fused": {"fused": True}, "torch foreach": {"foreach": True}, "torch": {"foreach": False}}
    for name, flags in variants.items():
        try:
            steps[name] = peer(params, **options, **flags).step
        except (TypeError, RuntimeError):
            # torch has no such variant of this optimizer.
            continue
    if compiling:
        steps["torch.compile"] = torch.compile(peer(params, **options).step)
    return steps


def measure(workload: Workload, cls: type[Optimizer], rounds: int, compiling: bool) -> dict[str, Any]:
    """Time one optimizer on one workload, the memory's own speed beside it."""
    params = workload.params()
    reference = torch.ones(REFERENCE)
    steps = contestants(cls, params, compiling)
    repeats = dict.fromkeys(steps, workload.repeats) | {"memory": 1}
    times = take_turns(steps | {"memory": lambda: reference.mul_(1.0)}, repeats, rounds)
    moved = bytes_of_step(cls, "float32") * sum(param.numel() for param in params)
    speeds = [
        moved / ours / (8 * REFERENCE / theirs) for ours, theirs in zip(times["thalweg"], times["memory"], strict=True)
    ]
    peers = [name for name in steps if name.startswith("torch") and name != "torch.compile"]
    best = min(peers, key=lambda name: median(times[name]), default=None)
    return {
        "workload": workload.name,
        "optimizer": cls.__name__,
        "microseconds": {name: 1e6 * median(series) for name, series in times.items()},
        "of memory speed": median(speeds),
        "gigabytes a second": moved / median(times["thalweg"]) / 1e9,
        "torch's best": best,
        "times torch's best": ratio(times, best, "thalweg") if best else None,
        "times torch's fused": ratio(times, "torch fused", "thalweg") if "torch fused" in times else None,
        "times torch.compile": ratio(times, "torch.compile", "thalweg") if compiling and best else None,
    }


def new_gradients(workload: Workload, rounds: int) -> dict[str, float]:
    """Time Adam's step where each step meets new gradient tensors, as after zero_grad()."""
    params = workload.params()
    sets = [[torch.randn_like(param) for param in params] for _ in range(2)]
    steps = {"thalweg": thalweg.Adam(params).step, "torch fused": torch.optim.Adam(params, fused=True).step}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(40 * rounds):
        for name, step in steps.items():
            for param, grad in zip(params, sets[index % 2], strict=True):
                param.grad = grad
            times[name].append(seconds(step, 1))
    return {name: 1e6 * median(series) for name, series in times.items()} | {
        "ratio": ratio(times, "torch fused", "thalweg")
    }


def scaling(rounds: int) -> dict[str, float]:
    """Compare one thread with all, in cache and in memory; the count of threads is set outside of what is timed."""
    found, threads = {}, torch.get_num_threads()
    for name, (count, length, repeats) in {"in cache": (4, 32_000, 200), "in memory": (4, 8_000_000, 1)}.items():
        params = [torch.randn(length, requires_grad=True) for _ in range(count)]
        for param in params:
            param.grad = torch.randn_like(param)
        step = thalweg.Adam(params).step
        times: dict[str, list[float]] = {"one": [], "all": []}
        for _ in range(rounds):
            for kind, number in (("one", 1), ("all", threads)):
                torch.set_num_threads(number)
                step()
                times[kind].append(seconds(step, repeats))
        found[name] = ratio(times, "one", "all")
    return found


FIRST = """
import time, torch, thalweg
params = [torch.randn(16, 16, requires_grad=True) for _ in range(6)]
for param in params:
    param.grad = torch.randn_like(param)
optimizer = thalweg.Adam(params)
start = time.perf_counter(); optimizer.step(); first = time.perf_counter() - start
start = time.perf_counter(); optimizer.step(); print(1e3 * (first - time.perf_counter() + start))
"""


def first_step(rounds: int) -> dict[str, float]:
    """Time the first step of fresh processes, without and with compiled code on disk, less the step itself.

    Python's own files of compiled code are there, as pip leaves them.
    """
    compileall.compile_dir(Path(thalweg.__file__).parent, quiet=1)

    def run(cache: str) -> float:
        environment = os.environ | {"THALWEG_CACHE": cache}
        done = subprocess.run(
            [sys.executable, "-c", FIRST], env=environment, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(run(cache))
            warm.append(run(cache))
    return {"cold": median(cold), "disk cache warm": median(warm)}


def extra_memory() -> float:
    """Measure by how much a step raises this process's memory, in MB, where the parameters take 128."""
    params = WORKLOADS[0].params()
    optimizer = thalweg.Adam(params)
    optimizer.step()
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    optimizer.step()
    return (status("VmHWM") - before) / 1e3


def status(name: str) -> int:
    """Read a figure of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def machine() -> dict[str, Any]:
    """Say where this was measured."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "date": str(date.today()),
        "cpu": cpu[0].partition(": ")[2] if cpu else platform.processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "thalweg": thalweg.__version__,
    }


def is_compared(cls: type[Optimizer]) -> bool:
    """Take the elementwise rules that torch.optim also has; benchmarks/catalogue.py has all others."""
    is_elementwise = cls.__module__.startswith("thalweg.optimizers.elementwise.")
    return torch.strided in cls.layouts and is_elementwise and torchs(cls) is not None


def rows(rounds: int, compiling: bool) -> Iterator[dict[str, Any]]:
    """Measure every optimizer on every workload."""
    for workload in WORKLOADS:
        for cls in sorted(filter(is_compared, registry.values()), key=lambda cls: cls.__name__.lower()):
            # torch.compile takes minutes for a large model: it is tried where it has a chance.
            tried = compiling and cls.__name__ in ("Adam", "RMSProp") and workload.name in ("4 x 8M", "MLP, 6 tensors")
            yield measure(workload, cls, rounds, tried)
            print(f"{workload.name:24} {cls.__name__}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results = {
        "machine": machine(),
        "steps": list(rows(arguments.rounds, not arguments.no_compile)),
        "new gradients": {work.name: new_gradients(work, arguments.rounds) for work in WORKLOADS[2:]},
        "first step, ms": first_step(5),
        "two threads over one": scaling(arguments.rounds),
        "extra memory of a step, MB": extra_memory(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    tables(results)
    picture(results)


if __name__ == "__main__":
    main()
