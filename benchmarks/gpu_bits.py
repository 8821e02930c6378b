"""Whether a GPU's kernels give the CPU's bits: every rule in every format, in processes side by side.

    python benchmarks/gpu_bits.py --out FILE --part 0 --parts 12 [--device cuda]

gpu.py starts these processes; each takes its share of the pairs, and writes a line of JSON for each one.
"""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from measuring.traffic import FORMATS, ROW_FORMATS, ROWS, catalogue, has_rows, options_of
from torch import Tensor

from thalweg.optimizer import Optimizer, registry

SHAPES = [(7,), (33, 65), (1,), (4099,), (300, 500), (70_001,)]
MATRICES = [(33, 65), (7, 1), (64, 9), (300, 500), (1_030, 1_024)]
TINY = [(7,), (1025,)]
TINY_MATRICES = [(7, 5), (40, 33)]
ODD = ("AdamW", "SGD", "LAMB")
"""Rules that are also tried on tensors that start where no wide word does."""


def jobs() -> list[tuple[str, str, bool]]:
    """List what is to be tried, the most used first: the rule, the format, whether tensors start anywhere."""
    first = [("AdamW", form) for form in FORMATS]
    others = [(cls.__name__, form) for form in FORMATS for cls in catalogue() if cls.__name__ != "AdamW"]
    rows = [(cls.__name__, form) for form in ROW_FORMATS for cls in catalogue(ROWS)]
    others = [pair for pairs in zip_longest(others, rows) for pair in pairs if pair]
    return [(name, form, odd) for name, form in first + others for odd in ((False, True) if name in ODD else (False,))]


def shapes_for(cls: type[Optimizer], is_trial: bool) -> list[tuple[int, ...]]:
    """Choose parameters of all sizes; in a trial, few small ones."""
    if has_rows(cls):
        return TINY_MATRICES if is_trial else MATRICES
    return TINY if is_trial else SHAPES


def params(shapes: list[tuple[int, ...]], device: str, dtype: torch.dtype, starts_anywhere: bool) -> Iterator[Tensor]:
    """Make parameters that are the same on every device."""
    generator = torch.Generator().manual_seed(1)
    for index, shape in enumerate(shapes):
        values = torch.randn(shape, generator=generator).to(dtype)
        room = torch.zeros(values.numel() + 1, dtype=dtype, device=device)
        place = room[starts_anywhere * (index % 2) :][: values.numel()].view(shape)
        yield place.copy_(values).requires_grad_()


def stepped(
    cls: type[Optimizer], form: str, shapes: list[tuple[int, ...]], device: str, engine: str, odd: bool
) -> tuple[Any, list[Tensor]]:
    """Take three steps."""
    dtype, options = FORMATS[form]
    tensors = list(params(shapes, device, dtype, odd))
    optimizer = cls(tensors, engine=engine, **options_of(cls), **options)
    for step in range(3):
        generator = torch.Generator().manual_seed(100 + step)
        for param in tensors:
            param.grad = torch.randn(param.shape, generator=generator).to(param.device, param.dtype)
        optimizer.step()
    return optimizer, tensors


def check(name: str, form: str, odd: bool, device: str) -> dict[str, Any]:
    """Compare parameters and states of a device's kernels with those of the CPU's, bit for bit."""
    is_trial = device == "cpu"
    engine = "triton" if is_trial else "auto"
    shapes = shapes_for(registry[name], is_trial)
    optimizer, found = stepped(registry[name], form, shapes, device, engine, odd)
    other, wanted = stepped(registry[name], form, shapes, "cpu", "llvm", odd)
    said = optimizer.explain()
    unlike = [
        key
        for mine, theirs in zip(found, wanted, strict=True)
        for key, value in ({"param": mine} | optimizer.state[mine]).items()
        if not _are_same(value, ({"param": theirs} | other.state[theirs])[key])
    ]
    has_run = "Triton" in said and "eager" not in said
    row = {"optimizer": name, "format": form, "starts anywhere": odd, "has run": has_run, "unlike": unlike}
    return row if has_run else row | {"explain": said}


def _are_same(found: Any, wanted: Any) -> bool:
    return torch.equal(torch.as_tensor(found).detach().cpu(), torch.as_tensor(wanted).detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    with arguments.out.open("w") as file:
        for name, form, odd in jobs()[arguments.part :: arguments.parts]:
            try:
                row = check(name, form, odd, arguments.device)
            except Exception:
                row = {
                    "optimizer": name,
                    "format": form,
                    "starts anywhere": odd,
                    "error": traceback.format_exc()[-800:],
                }
            print(json.dumps(row), file=file, flush=True)


if __name__ == "__main__":
    main()
