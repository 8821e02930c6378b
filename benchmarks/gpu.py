"""How long a step takes on a GPU: each optimizer against torch.optim's best, and against a copy's bandwidth.

    python benchmarks/gpu.py [--rounds 15] [--device cuda]

Writes benchmarks/results/gpu.json, and the table of docs/benchmarks.md. Times are medians of the device's own events,
contestants taking turns; each contestant has several sets of tensors where one would fit into a cache.
With `--device cpu` everything is small, nothing is written, and no number means anything: it tries the script.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from rivals import RIVALS
from step_time import bytes_moved, is_dense
from timing import ratio
from torch import Tensor
from workloads import gpt

import thalweg
from thalweg.hyper import REQUIRED
from thalweg.optimizer import Optimizer, registry

ROOT = Path(__file__).parent
RESULTS = ROOT / "results" / "gpu.json"
CACHE = 256 << 20
"""More bytes than any GPU's cache holds: so much is touched before a set of tensors comes again."""

Step = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """A set of parameter shapes."""

    name: str
    shapes: list[tuple[int, ...]]

    @property
    def elements(self) -> int:
        """How many numbers there are."""
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    def sets(self, device: str, dtype: torch.dtype = torch.float32) -> list[list[Tensor]]:
        """Make as many sets of parameters, with gradients, as no cache holds."""
        count = min(8, 1 + CACHE // (4 * self.elements * dtype.itemsize)) if device != "cpu" else 2
        return [[self._param(shape, device, dtype) for shape in self.shapes] for _ in range(count)]

    @staticmethod
    def _param(shape: tuple[int, ...], device: str, dtype: torch.dtype) -> Tensor:
        param = torch.randn(shape, device=device, dtype=dtype).requires_grad_()
        param.grad = torch.randn_like(param)
        return param


def works(device: str) -> list[Work]:
    """The three models: one that is all bandwidth, GPT-2 small, and one that is all overhead."""
    if device == "cpu":
        return [Work("large", [(4_000,)] * 4), Work("GPT", [*gpt(2, 16, 100, 8)]), Work("tiny tensors", [(8,)] * 20)]
    return [
        Work("1 GiB of parameters", [(64 << 20,)] * 4),
        Work("GPT-2 small, 148 tensors, 124M", [*gpt(12, 768, 50_257, 1_024)]),
        Work("1,000 tensors of 1,000", [(1_000,)] * 1_000),
    ]


class Clock:
    """Times work on a device by its events, or on the CPU by the wall."""

    def __init__(self, device: str) -> None:
        self.module = None if device == "cpu" else torch.get_device_module(device)

    def time(self, step: Step) -> float:
        """Give the seconds that the device takes for a step."""
        if self.module is None:
            start = perf_counter()
            step()
            return perf_counter() - start
        before, after = self.module.Event(enable_timing=True), self.module.Event(enable_timing=True)
        before.record()
        step()
        after.record()
        after.synchronize()
        return float(before.elapsed_time(after)) / 1e3

    def host(self, step: Step, repeats: int = 20) -> float:
        """Give the seconds that the host takes to have a step done."""
        self.wait()
        start = perf_counter()
        for _ in range(repeats):
            step()
        seconds = (perf_counter() - start) / repeats
        self.wait()
        return seconds

    def wait(self) -> None:
        """Wait until all is done."""
        if self.module is not None:
            self.module.synchronize()


def take_turns(steps: Mapping[str, Step], clock: Clock, rounds: int) -> dict[str, list[float]]:
    """Time each contestant once a round, after three calls that compile and warm up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        for _ in range(3):
            step()
    clock.wait()
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(clock.time(step))
    return times


def through(sets: list[list[Tensor]], make: Callable[[list[Tensor]], Step]) -> Step:
    """Step one set after the other."""
    steps = cycle([make(params) for params in sets])
    return lambda: next(steps)()


def options_of(cls: type[Optimizer]) -> dict[str, Any]:
    """Give an optimizer what it cannot do without; SGD has its momentum."""
    required = {name: 1e-3 for name, option in cls.options.items() if option.default is REQUIRED}
    return required | ({"momentum": 0.9} if cls.__name__ == "SGD" else {})


def contestants(cls: type[Optimizer], sets: list[list[Tensor]]) -> dict[str, Step]:
    """Make one optimizer of each kind on the same parameters."""
    options = options_of(cls)
    steps: dict[str, Step] = {"thalweg": through(sets, lambda params: cls(params, **options).step)}
    theirs = {name.lower(): getattr(torch.optim, name) for name in torch.optim.__all__ if name[0].isupper()}
    peer = theirs.get(cls.__name__.lower())
    for name in ("fused", "foreach") if peer else ():
        flag = {name: True}
        try:
            steps[f"torch {name}"] = through(sets, lambda params, flag=flag: peer(params, **options, **flag).step)
        except (TypeError, RuntimeError):
            # torch has no such variant of this optimizer.
            continue
    return steps


def copy_bandwidth(device: str, clock: Clock, rounds: int) -> float:
    """Measure the bytes a second of a copy within the device's memory, read and written."""
    size = 1 << (30 if device != "cpu" else 20)
    source, target = (torch.zeros(size, dtype=torch.uint8, device=device) for _ in range(2))
    times = take_turns({"copy": lambda: target.copy_(source)}, clock, rounds)["copy"]
    return 2 * size / median(times)


def row(work: str, name: str, times: dict[str, list[float]], **more: Any) -> dict[str, Any]:
    """Sum up one measurement."""
    ratios = {other: ratio(times, other, "thalweg") for other in times if other != "thalweg"}
    microseconds = {other: 1e6 * median(series) for other, series in times.items()}
    return {"work": work, "what": name, "microseconds": microseconds, "times faster than": ratios} | more


def elementwise(device: str, clock: Clock, rounds: int, bandwidth: float) -> Iterator[dict[str, Any]]:
    """Measure every optimizer on every model."""
    for work in works(device):
        for cls in sorted(filter(is_dense, registry.values()), key=lambda cls: cls.__name__.lower()):
            sets = work.sets(device)
            steps = contestants(cls, sets)
            times = take_turns(steps, clock, rounds)
            share = bytes_moved(cls, work.elements) / median(times["thalweg"]) / bandwidth
            host = {name: 1e6 * clock.host(step) for name, step in steps.items()}
            yield row(work.name, cls.__name__, times, **{"of a copy's bandwidth": share, "host, microseconds": host})


def formats(device: str, clock: Clock, rounds: int) -> Iterator[dict[str, Any]]:
    """Measure AdamW in narrow formats against itself in float32, here and as others have it."""
    work = works(device)[0]
    kinds = {
        "bfloat16, rounded at random": (torch.bfloat16, {"rounding": "stochastic"}),
        "8-bit states": (torch.float32, {"state_dtype": "8bit"}),
    }
    for name, (dtype, options) in kinds.items():
        wide, own = work.sets(device), work.sets(device, dtype)
        steps = {
            "thalweg": through(own, lambda params, options=options: thalweg.AdamW(params, **options).step),
            "thalweg in float32": through(wide, lambda params: thalweg.AdamW(params).step),
        }
        for rival, make in RIVALS.get(name, {}).items():
            steps[rival] = through(own, make)
        yield row(work.name, f"AdamW, {name}", take_turns(steps, clock, rounds))


def whole_loop(device: str, clock: Clock, rounds: int) -> dict[str, Any]:
    """Measure clipping, AdamW and averaging in one step, against torch's three calls."""
    work = works(device)[1]

    def ours(params: list[Tensor]) -> Step:
        return thalweg.AdamW(params, max_grad_norm=1.0, ema_decay=0.999).step

    def theirs(params: list[Tensor]) -> Step:
        optimizer = torch.optim.AdamW(params, fused=True)
        model = torch.nn.ParameterList(params)
        averaged = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.999)
        )

        def step() -> None:
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            optimizer.step()
            averaged.update_parameters(model)

        return step

    sets = work.sets(device)
    steps = {"thalweg": through(sets, ours), "torch's three calls": through(sets, theirs)}
    return row(work.name, "clip, AdamW, EMA", take_turns(steps, clock, rounds))


def matrices(device: str, clock: Clock, rounds: int) -> dict[str, Any]:
    """Measure Muon on the matrices of a GPT's blocks against torch's, one matrix after the other."""
    work = works(device)[1]
    blocks = Work(f"{work.name}: its blocks' matrices", [shape for shape in work.shapes[2:] if len(shape) == 2])
    sets = blocks.sets(device)
    kinds = {"thalweg": thalweg.Muon, "torch": torch.optim.Muon}
    steps = {name: through(sets, lambda params, kind=kind: kind(params).step) for name, kind in kinds.items()}
    return row(blocks.name, "Muon", take_turns(steps, clock, rounds))


def rivals(device: str, clock: Clock, rounds: int) -> Iterator[dict[str, Any]]:
    """Measure AdamW in float32 against other libraries' own, where they are installed."""
    if RIVALS.get("float32"):
        work = works(device)[1]
        sets = work.sets(device)
        steps = {name: through(sets, make) for name, make in RIVALS["float32"].items()}
        ours = {"thalweg": through(sets, lambda params: thalweg.AdamW(params).step)}
        yield row(work.name, "AdamW, other libraries", take_turns(ours | steps, clock, rounds))


def machine(device: str) -> dict[str, Any]:
    """Say where this was measured."""
    name = "CPU" if device == "cpu" else torch.get_device_module(device).get_device_name()
    return {"date": str(date.today()), "device": name, "torch": torch.__version__, "thalweg": thalweg.__version__}


def measure(device: str, rounds: int) -> dict[str, Any]:
    """Measure everything."""
    clock = Clock(device)
    bandwidth = copy_bandwidth(device, clock, rounds)
    rows: list[dict[str, Any]] = []
    for measured in (
        elementwise(device, clock, rounds, bandwidth),
        formats(device, clock, rounds),
        iter([whole_loop(device, clock, rounds)]),
        iter([matrices(device, clock, rounds)]),
        rivals(device, clock, rounds),
    ):
        for found in measured:
            rows.append(found)
            print(f"{found['work']:32} {found['what']}", file=sys.stderr)
    return {"machine": machine(device), "copy, GB/s": bandwidth / 1e9, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    if arguments.device != "cpu" and not torch.accelerator.is_available():
        sys.exit("there is no GPU here: nothing was measured, and nothing was written")
    results = measure(arguments.device, arguments.rounds)
    if arguments.device == "cpu":
        json.dump(results, sys.stdout, indent=1)
        return
    # Tables need matplotlib's neighbour, which trying the script does not.
    from gpu_report import table

    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table(results)


if __name__ == "__main__":
    main()
