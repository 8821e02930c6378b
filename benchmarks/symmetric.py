"""What it brings to compute half of each symmetric product: the kernel, the iteration, and a step of Muon on a GPU.

    python benchmarks/symmetric.py [--out benchmarks/results/symmetric.json] [--budget 40] [--device cuda]

Each result is written as soon as it is there, what matters most first; what does not fit into the budget of seconds is
left out. `--device cpu` tries the script in Triton's interpreter on small matrices: no number means anything then.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

if "cpu" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"

import torch
from torch import Tensor

import thalweg
from thalweg.engine.matrices import products
from thalweg.engine.triton.products import newton_schulz as iteration
from thalweg.engine.triton.products import symmetric
from thalweg.engine.triton.products.symmetric import Tile, symmetric_product
from thalweg.formula.matrices.matrix import newton_schulz

RESULTS = Path(__file__).parent / "results" / "symmetric.json"
JORDAN = (3.4445, -4.7750, 2.0315)
NUMBERS = (*JORDAN, 5, 1e-7, 0)

TILES = [
    Tile(128, 64, 8, 3, 128),
    Tile(128, 64, 4, 3, 255),
    Tile(128, 64, 8, 4, 168),
    Tile(128, 32, 8, 4, 128),
    Tile(64, 64, 4, 4, 128),
]

Step = Callable[[], object]


class Bench:
    """The size of everything, a clock, and the file that results go to."""

    def __init__(self, out: Path, budget: float, device: str) -> None:
        self.out, self.device, self.end = out, device, perf_counter() + budget
        self.is_tried = device == "cpu"
        self.width, self.layers, self.rounds = (32, 2, 1) if self.is_tried else (768, 12, 5)
        self.results: list[dict[str, Any]] = []

    def write(self, **result: Any) -> None:
        """Add a result, to the file at once."""
        self.results.append(result)
        print(json.dumps(result), flush=True)
        self.out.write_text(json.dumps(self.results, indent=1) + "\n")

    def microseconds(self, step: Step, repeats: int = 4) -> float:
        """Time a step by the device's events, several in a row behind a wait, so that the host is ahead."""
        if self.is_tried:
            start = perf_counter()
            step()
            return 1e6 * (perf_counter() - start)
        for _ in range(2):
            step()
        found = []
        for _ in range(self.rounds):
            before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda._sleep(20_000_000)  # about 11 ms
            before.record()
            for _ in range(repeats):
                step()
            after.record()
            after.synchronize()
            found.append(1e3 * before.elapsed_time(after) / repeats)
        return median(found)

    def wall(self, step: Step, repeats: int = 10) -> dict[str, float]:
        """Time steps one after the other as a training loop sees them, and the host's part of them."""
        self.wait()
        start = perf_counter()
        for _ in range(1 if self.is_tried else repeats):
            step()
        host = perf_counter() - start
        self.wait()
        count = (1 if self.is_tried else repeats) / 1e6
        return {"host": host / count, "wall": (perf_counter() - start) / count}

    def wait(self) -> None:
        """Wait until all is done."""
        if not self.is_tried:
            torch.cuda.synchronize()

    def random(self, *shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """Make normal numbers, with a few directions that are far larger, as gradients have them."""
        x = torch.randn(shape, device=self.device)
        few = torch.randn(*shape[:-1], 4, device=self.device) @ torch.randn(
            *shape[:-2], 4, shape[-1], device=self.device
        )
        return (x + 10 * few).to(dtype)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """The matrices of a block of GPT-2 small, each once; there are as many of each as layers."""
        w = self.width
        return [(3 * w, w), (w, w), (4 * w, w), (w, 4 * w)]


def machine(bench: Bench) -> dict[str, Any]:
    """Say where this is measured."""
    import triton

    name = "Triton's interpreter" if bench.is_tried else torch.cuda.get_device_name()
    return {
        "device": name,
        "torch": torch.__version__,
        "triton": triton.__version__,
        "tile": symmetric.tile_of(torch.device(bench.device)),
    }


def exact(stack: Tensor) -> Tensor:
    """Take the iteration in float64."""
    x = stack.double() if stack.shape[1] <= stack.shape[2] else stack.double().mT
    x = x / torch.linalg.matrix_norm(x, keepdim=True)
    a, b, c = JORDAN
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if stack.shape[1] <= stack.shape[2] else x.mT


def accuracy(bench: Bench) -> Iterator[dict[str, Any]]:
    """Compare with float64: the kernel's products, and torch's."""
    for shape in bench.shapes:
        stack = bench.random(2, *shape)
        truth, theirs, ours = exact(stack), newton_schulz(stack, *NUMBERS), stack.clone()
        iteration.newton_schulz_(ours, *NUMBERS)
        size = torch.linalg.matrix_norm(truth)
        errors = {
            name: (torch.linalg.matrix_norm(made.double() - truth) / size).max().item()
            for name, made in (("kernel", ours), ("torch", theirs))
        }
        gram = symmetric_product(stack, stack, torch.float32)
        yield {
            "what": "error",
            "shape": shape,
            **errors,
            "is symmetric": torch.equal(gram, gram.mT),
            "product": ((gram - stack.double() @ stack.double().mT).abs().max() / gram.abs().max()).item(),
        }


def muon(bench: Bench) -> Iterator[dict[str, Any]]:
    """Time whole steps on the matrices of GPT-2 small's blocks."""
    whys = products._failures
    for name, kind, reason in [
        ("thalweg, kernel", thalweg.Muon, None),
        ("torch.optim.Muon", torch.optim.Muon, None),
        ("thalweg, torch's products", thalweg.Muon, "torch's were asked for"),
    ]:
        whys.clear()
        params = [torch.randn(shape, device=bench.device, requires_grad=True) for shape in bench.shapes * bench.layers]
        for param in params:
            param.grad = torch.randn_like(param)
        if reason:
            whys[params[0].device] = reason
        optimizer = kind(params, **({"engine": "triton"} if kind is thalweg.Muon else {}))
        start = perf_counter()
        optimizer.step()
        bench.wait()
        first = perf_counter() - start
        times = {"device": bench.microseconds(optimizer.step, 2), **bench.wall(optimizer.step)}
        said = optimizer.explain().splitlines()[1:] if kind is thalweg.Muon else []
        yield {"what": "Muon", "who": name, "microseconds": times, "first step, s": first, "explain": said}
    whys.clear()


def iterations(bench: Bench) -> Iterator[dict[str, Any]]:
    """Time the iteration alone on one stack: steps gathered, not gathered, and with torch's products."""
    w = bench.width
    sizes = [(w, 4 * w), (4 * w, w), (w, 3 * w), (w, w)]
    for rows, columns in sizes if bench.is_tried else [*sizes, (384, 1536), (384, 384), (256, 1024), (2048, 8192)]:
        stack = bench.random(2 if rows > 1024 else bench.layers, rows, columns)
        found = {"torch": bench.microseconds(lambda stack=stack: newton_schulz(stack, *NUMBERS))}
        choose = iteration.is_gathered
        for name, gathers in (("kernel, gathered", True), ("kernel, one by one", False)):
            iteration.is_gathered = lambda *_, gathers=gathers: gathers  # type: ignore[assignment]
            found[name] = bench.microseconds(lambda stack=stack: iteration.newton_schulz_(stack, *NUMBERS))
        iteration.is_gathered = choose
        yield {"what": "iteration", "stack": list(stack.shape), "microseconds": found}


def tiles(bench: Bench) -> Iterator[dict[str, Any]]:
    """Time single products by tile, against torch's; the speeds count the whole product, half of which is left out."""
    w, usual = bench.width, symmetric.tile_of
    for rows, columns, adds in [(w, 4 * w, False), (w, w, True), (w, 3 * w, False)]:
        x = bench.random(bench.layers, rows, columns, dtype=torch.float16 if adds else torch.bfloat16) / 64
        flops = 2 * bench.layers * rows * rows * columns / 1e6
        base = bench.microseconds(lambda x=x, adds=adds: by_torch(x, adds), 20)
        yield {"what": "product", "of": list(x.shape), "who": "torch", "us": base, "TFLOP/s": flops / base}
        for tile in [Tile(32, 32, 4, 2, 128)] if bench.is_tried else TILES:
            symmetric.tile_of = lambda device, tile=tile: tile  # type: ignore[assignment]
            more = {"scale": 2.0, "added": x, "added_scale": 1.0, "diagonal": 1.0} if adds else {}
            try:
                us = bench.microseconds(lambda x=x, more=more: symmetric_product(x, x, torch.float16, **more), 20)
                yield {"what": "product", "of": list(x.shape), "who": list(tile), "us": us, "TFLOP/s": flops / us}
            except Exception as error:
                yield {"what": "product", "of": list(x.shape), "who": list(tile), "error": str(error)[:200]}
            finally:
                symmetric.tile_of = usual


def by_torch(x: Tensor, adds: bool) -> Tensor:
    """Make the whole product."""
    return torch.baddbmm(x, x, x, beta=1.0, alpha=2.0) if adds else x @ x.mT


def profiled(bench: Bench) -> Iterator[dict[str, Any]]:
    """Say which kernels a step of Muon consists of, and how long each takes."""
    if bench.is_tried:
        return
    params = [torch.randn(shape, device=bench.device, requires_grad=True) for shape in bench.shapes * bench.layers]
    for param in params:
        param.grad = torch.randn_like(param)
    optimizer = thalweg.Muon(params)
    optimizer.step()
    bench.wait()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        optimizer.step()
        bench.wait()
    rows = sorted(profile.key_averages(), key=lambda row: -row.self_device_time_total)
    yield {
        "what": "profile of a step",
        "kernels": [[row.key[:60], row.count, round(row.self_device_time_total, 1)] for row in rows[:16]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--budget", type=float, default=40)
    parser.add_argument("--device", default="cuda")
    chosen = parser.parse_args()
    if chosen.device != "cpu" and not torch.cuda.is_available():
        sys.exit("there is no GPU here: nothing was measured, and nothing was written")
    bench = Bench(chosen.out, chosen.budget, chosen.device)
    if bench.is_tried:
        symmetric.tile_of, products.LEAST = lambda device: Tile(32, 32, 4, 2, 128), 32
    bench.write(what="machine", **machine(bench))
    for part in (accuracy, muon, iterations, tiles, profiled):
        try:
            for result in part(bench):
                bench.write(**result, left=round(bench.end - perf_counter(), 1))
                if perf_counter() > bench.end:
                    return
        except Exception:
            bench.write(what=part.__name__, error=traceback.format_exc()[-1000:])


if __name__ == "__main__":
    main()
