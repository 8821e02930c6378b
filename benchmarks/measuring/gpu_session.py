"""One run of a script on a GPU: where its results go, and how much time is left."""

from __future__ import annotations

import argparse
import json
import os
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from time import perf_counter
from typing import Any

import torch

import thalweg

from .gpu_clock import Clock

START = perf_counter()


class Session:
    """Where results go, and what is left of the budget of seconds."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.device, self.budget, self.workers = arguments.device, arguments.budget, arguments.workers
        self.path = arguments.out / "gpu.json"
        arguments.out.mkdir(parents=True, exist_ok=True)
        self.is_trial = self.device == "cpu"
        self.clock = Clock(self.device)
        self.copy = 0.0
        self.results: dict[str, Any] = {"machine": machine(self.device), "rows": [], "errors": []}

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget - (perf_counter() - START)

    def put(self, part: str, **row: Any) -> None:
        """Write one result down at once."""
        self.results["rows"].append({"part": part} | row)
        self.write()
        print(
            part,
            {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()},
            flush=True,
        )

    def write(self) -> None:
        """Write down all that is known; whoever is stopped meanwhile leaves what was known before."""
        whole = self.path.with_suffix(".new")
        whole.write_text(json.dumps(self.results, indent=1) + "\n")
        os.replace(whole, self.path)

    def failed(self, part: str) -> None:
        """Note an error that has just been caught."""
        self.results["errors"].append([part, traceback.format_exc()[-1500:]])
        self.write()
        print(traceback.format_exc()[-600:], flush=True)

    def run(self, part: Callable[[Session], Iterator[Callable[[], None]]], least: float) -> None:
        """Go through the pieces of a part while so many seconds are left, or any for a trial; a failure is noted."""
        for piece in part(self):
            if self.left < (0 if self.is_trial else least):
                print(f"no time for the rest of: {part.__name__}", flush=True)
                return
            try:
                piece()
            except Exception:
                self.failed(part.__name__)
            if not self.is_trial:
                torch.cuda.empty_cache()


def machine(device: str) -> dict[str, Any]:
    """Say where this is measured."""
    import triton

    name = "CPU" if device == "cpu" else torch.get_device_module(device).get_device_name()
    versions = {"torch": torch.__version__, "triton": triton.__version__, "thalweg": thalweg.__version__}
    return {"date": str(date.today()), "device": name} | versions
