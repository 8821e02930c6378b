"""What formats and the rest of the loop cost: AdamW on 4 x 8M elements, torch and bitsandbytes beside it.

    python benchmarks/precision.py [--rounds 9] [--threads 2]

Writes benchmarks/results/precision.json, and the table of docs/precision.md. `pip install bitsandbytes` for its row.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measuring.timing import ratio, take_turns
from reports.page import ROOT, replace, time
from step_time import machine
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import thalweg

RESULTS = Path(__file__).parent / "results" / "precision.json"
SHAPES = [(8_000_000,)] * 4
BASE, AGAIN = "float32", "float32, again"

KEPT: dict[str, dict[str, Any]] = {
    BASE: {},
    "bfloat16, nearest": {"dtype": torch.bfloat16},
    "bfloat16, stochastic": {"dtype": torch.bfloat16, "rounding": "stochastic"},
    "bfloat16, kahan": {"dtype": torch.bfloat16, "rounding": "kahan"},
    "bfloat16, master": {"dtype": torch.bfloat16, "rounding": "master"},
    "float32, 8-bit states": {"state_dtype": "8bit"},
    "float32, 4-bit states": {"state_dtype": "4bit"},
    "bfloat16, stochastic, 8-bit states": {"dtype": torch.bfloat16, "rounding": "stochastic", "state_dtype": "8bit"},
}
"""How parameters and states are kept."""

AROUND: dict[str, dict[str, Any]] = {
    "max_grad_norm": {"max_grad_norm": 1.0},
    "max_tensor_norm": {"max_tensor_norm": 1.0},
    "clip_value": {"clip_value": 1.0},
    "skip_nonfinite": {"skip_nonfinite": True},
    "ema_decay": {"ema_decay": 0.999},
    "cautious": {"cautious": True},
    "track": {"track": True},
    "max_grad_norm, ema_decay": {"max_grad_norm": 1.0, "ema_decay": 0.999},
}
"""What is put around the float32 step."""


class Weights(nn.Module):
    """Parameters with gradients, and nothing else."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weights = nn.ParameterList(torch.randn(shape).to(dtype) for shape in SHAPES)
        for weight in self.weights:
            weight.grad = torch.randn_like(weight)


def ours(dtype: torch.dtype = torch.float32, **options: Any) -> thalweg.AdamW:
    """Make our AdamW on weights of its own."""
    return thalweg.AdamW(Weights(dtype).parameters(), **options)


def torchs_three_calls() -> Callable[[], None]:
    """Clip, step and average as a loop on torch does."""
    weights = Weights()
    optimizer = torch.optim.AdamW(weights.parameters(), fused=True)
    averaged = AveragedModel(weights, multi_avg_fn=get_ema_multi_avg_fn(0.999))

    def step() -> None:
        clip_grad_norm_(weights.parameters(), 1.0)
        optimizer.step()
        averaged.update_parameters(weights)

    return step


def eight_bit_peer() -> Callable[[], object] | None:
    """Make bitsandbytes' AdamW8bit, where it is installed."""
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError:
        return None
    optimizer = AdamW8bit(Weights().parameters())
    return lambda: optimizer.step()


def contestants() -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """Make all that take turns, and count the bytes of state an element of ours."""
    makers = {name: ours(**options) for name, options in (KEPT | AROUND | {AGAIN: {}}).items()}
    elements = sum(param.numel() for param in makers[BASE].param_groups[0]["params"])
    sizes = {name: (it.memory().all.states + it.memory().all.compensation) / elements for name, it in makers.items()}
    fused = torch.optim.AdamW(Weights().parameters(), fused=True)
    steps: dict[str, Callable[[], object]] = {name: optimizer.step for name, optimizer in makers.items()}
    return steps | {"torch fused": fused.step, "torch: clip, step, average": torchs_three_calls()}, sizes


def measured(rounds: int) -> dict[str, Any]:
    """Time everything in turns; a slow peer takes fewer, beside our 8-bit step."""
    steps, sizes = contestants()
    times = take_turns(steps, dict.fromkeys(steps, 1), rounds)
    # Memory that a process gets first is up to 7% slower here: float32 is the mean of the first and the last.
    times[BASE] = [(first + last) / 2 for first, last in zip(times[BASE], times[AGAIN], strict=True)]
    rows = {
        name: {
            "ms": 1e3 * median(times[name]),
            "times float32": ratio(times, BASE, name),
            "state bytes": sizes.get(name),
        }
        for name in steps
        if name != AGAIN
    }
    loop = ratio(times, "torch: clip, step, average", "max_grad_norm, ema_decay")
    peer, others = eight_bit_peer(), {}
    if peer:
        few = {"8-bit": steps["float32, 8-bit states"], "bitsandbytes": peer}
        turns = take_turns(few, dict.fromkeys(few, 1), 3)
        others = {"ms": 1e3 * median(turns["bitsandbytes"]), "times ours": ratio(turns, "bitsandbytes", "8-bit")}
    return {"rows": rows, "three calls": loop, "bitsandbytes": others}


def table(results: dict[str, Any]) -> Iterator[str]:
    """Write what a person reads."""
    where = results["machine"]
    yield (
        f"A step of AdamW on four tensors of 8 million elements, measured on {where['date']} by "
        f"`benchmarks/precision.py` with {where['threads']} threads of an {where['cpu']}, torch {where['torch']}. "
        "Times are medians of interleaved runs."
    )
    yield "\n| step | time | speed, float32 = 1 | bytes of state an element |\n|---|---|---|---|"
    for name, row in results["rows"].items():
        size = "" if row["state bytes"] is None else f"{row['state bytes']:.2f}"
        yield f"| {name} | {time(1e3 * row['ms'])} | {row['times float32']:.2f} | {size} |"
    times = f"{results['three calls']:.1f}"
    yield f"\nClipping, stepping and averaging in one pass is {times} times as fast as torch's three calls."
    peer = results["bitsandbytes"]
    if peer:
        theirs, times = time(1e3 * peer["ms"]), f"{peer['times ours']:.0f}"
        yield f"bitsandbytes' AdamW8bit takes {theirs} on this CPU, {times} times as long as AdamW's step in 8 bits."


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    results = {"machine": machine(), **measured(chosen.rounds)}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    text = "\n".join(table(results))
    print(text)
    if (ROOT / "docs" / "precision.md").exists():
        replace(ROOT / "docs" / "precision.md", "precision", text)


if __name__ == "__main__":
    main()
