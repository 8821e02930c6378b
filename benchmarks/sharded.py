"""Steps of sharded parameters, thalweg and torch in turns, on two processes over gloo: `python benchmarks/sharded.py`.

Milliseconds a step, the least of all rounds: processes wait for each other, so one that is disturbed disturbs all. Each
process keeps to a core of its own, where the system can bind it to one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.distributed.tensor import DTensor, Shard, init_device_mesh

import thalweg

PROCESSES, ROUNDS, OF_SECONDS = 2, 9, 3
"""Processes, and rounds: fewer where a step takes seconds."""

SMALL = [(64, 64), (64,), (64,), (64,)] * 100
"""100 layers of width 64, each with a bias and a norm."""

LARGE = [(512, 512)] * 32

MATRICES = [(256, 256)] * 20

WORK = 3e-4
"""Seconds of other work between two messages."""

WORDS_OF_ADAMW = 7
"""Words that a step reads and writes for each element: four, and three of them again."""

Step = Callable[[], object]


def parameters(shapes: list[tuple[int, ...]], mesh: Any) -> list[torch.nn.Parameter]:
    """Make sharded parameters, with gradients."""
    torch.manual_seed(0)
    params = [torch.nn.Parameter(shard(shape, mesh)) for shape in shapes]
    for param, shape in zip(params, shapes, strict=True):
        param.grad = shard(shape, mesh)
    return params


def shard(shape: tuple[int, ...], mesh: Any) -> DTensor:
    """Make a tensor of which each process has a share of the rows."""
    return DTensor.from_local(torch.randn(shape[0] // PROCESSES, *shape[1:]), mesh, [Shard(0)], run_check=False)


def with_new_gradients(step: Step, params: list[torch.nn.Parameter]) -> Step:
    """Give each parameter another gradient before each step; that is timed apart, and taken off."""
    sets = [[param.grad.clone() for param in params] for _ in range(2)]  # type: ignore[union-attr]
    turn = iter(range(10**9))

    def stepped() -> float:
        for param, grad in zip(params, sets[next(turn) % 2], strict=True):
            param.grad = grad
        start = perf_counter()
        step()
        return perf_counter() - start

    return stepped


def clipped(step: Step, params: list[torch.nn.Parameter]) -> Step:
    """Shorten gradients as torch does, before a step."""

    def stepped() -> None:
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        step()

    return stepped


def timed(step: Step) -> float:
    """Time one call, or take the time that it returns."""
    start = perf_counter()
    took = step()
    return took if isinstance(took, float) else perf_counter() - start


def adamw(shapes: list[tuple[int, ...]], mesh: Any, wrap: Any = None, **options: Any) -> dict[str, Step]:
    """Make contestants that do the same."""
    wrap = wrap or (lambda step, _: step)
    steps: dict[str, Step] = {}
    params = parameters(shapes, mesh)
    own = thalweg.AdamW(params, **options)
    steps["thalweg"] = with_new_gradients(own.step, params) if wrap is with_new_gradients else own.step
    for name, how in (("fused", {"fused": True}), ("foreach", {"foreach": True}), ("for-loop", {"foreach": False})):
        params = parameters(shapes, mesh)
        steps[name] = wrap(torch.optim.AdamW(params, **how).step, params)  # type: ignore[arg-type]
    local = [torch.nn.Parameter(param.detach().to_local()) for param in parameters(shapes, mesh)]  # type: ignore[attr-defined]
    for param in local:
        param.grad = torch.randn_like(param)
    steps["thalweg, plain"] = thalweg.AdamW(local).step
    return steps


def muon(mesh: Any) -> dict[str, Step]:
    """Make contestants for matrices."""
    options = {"lr": 0.02, "weight_decay": 0.1}
    return {
        "thalweg": thalweg.Muon(parameters(MATRICES, mesh), **options).step,
        "for-loop": torch.optim.Muon(parameters(MATRICES, mesh), **options).step,
    }


def message() -> dict[str, Step]:
    """Add up one number: at once, and where a process comes from other work, as in a step."""
    number = torch.zeros(1)

    def after_work() -> float:
        start = perf_counter()
        while perf_counter() - start < WORK:
            pass
        start = perf_counter()
        dist.all_reduce(number)
        return perf_counter() - start

    return {"one number": lambda: dist.all_reduce(number), "after other work": after_work}


def at_memory(mesh: Any) -> dict[str, Step]:
    """Make contestants for large parameters, and move as many bytes as they do: each is read and written."""
    elements = sum(rows * columns for rows, columns in LARGE) // PROCESSES
    tensor = torch.ones(WORDS_OF_ADAMW * elements // 2)
    return adamw(LARGE, mesh) | {"as many bytes": lambda: tensor.mul_(1.0)}


def workloads(mesh: Any) -> Iterator[tuple[str, Callable[[], dict[str, Step]], int]]:
    """Give each workload: what it is, what makes its contestants, and how often each steps in a round."""
    yield "all_reduce", message, 50
    yield "400 small", partial(adamw, SMALL, mesh), 20
    yield "400 small, new gradients", partial(adamw, SMALL, mesh, with_new_gradients), 20
    yield "400 small, clipped", partial(adamw, SMALL, mesh, clipped, max_grad_norm=1.0), 20
    yield "32 of width 512", partial(at_memory, mesh), 10
    yield "20 matrices 256 x 256 (Muon)", partial(muon, mesh), 1


def least(steps: dict[str, Step], repeats: int) -> dict[str, float]:
    """Take turns, and give the least time of each contestant, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(ROUNDS if repeats > 1 else OF_SECONDS):
        for name, step in steps.items():
            slow = repeats if name.startswith("thalweg") or repeats < 5 else max(repeats // 5, 1)
            dist.barrier()
            times[name] += [timed(step) for _ in range(slow)]
    return {name: 1e3 * min(found) for name, found in times.items()}


def run(rank: int, meeting: str, only: str) -> None:
    """Be one of the processes."""
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    dist.init_process_group("gloo", rank=rank, world_size=PROCESSES, init_method=f"file://{meeting}")
    mesh = init_device_mesh("cpu", (PROCESSES,))
    for name, make, repeats in workloads(mesh):
        if only in name:
            found = least(make(), repeats)
            if rank == 0:
                print(f"{name:32}", "  ".join(f"{who} {took:.3f}" for who, took in found.items()), flush=True)
    dist.destroy_process_group()


def main(only: str = "") -> None:
    """Start the processes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    print(f"torch {torch.__version__}, {PROCESSES} processes x 1 thread, gloo; milliseconds a step, least of all")
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(run, args=(str(Path(folder) / "meeting"), only), nprocs=PROCESSES)


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
