"""Every rule: how long its first step takes in a process that has no compiled code, and in one that finds it on disk.

    python benchmarks/first_steps.py [--only RACS,CAME]

Each is measured in a process of its own, which begins with torch and thalweg imported, on a perceptron of six tensors:
processor time, which other programs disturb least, less that of the third step. Prints the rules, and writes nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial

from catalogue import NOT_MEASURED, OTHER_KINDS, SMALL, fit
from measuring.traffic import KINDS, catalogue, options_of

from thalweg.beyond_gradients.with_loss import WithLoss
from thalweg.optimizer import Optimizer, registry

SEE_HESSIANS = {*NOT_MEASURED, "BSAM", "IVON"}
"""What takes no step before it has seen a Hessian."""


def step_of(cls: type[Optimizer]) -> Callable[[], object]:
    """Make the step of an optimizer that has not taken any."""
    optimizer = cls(fit(cls, SMALL.params()), **options_of(cls))
    return partial(optimizer.step, loss=1.0) if isinstance(optimizer, WithLoss) else optimizer.step


def milliseconds(step: Callable[[], object]) -> float:
    """Take the processor time of one call."""
    start = time.process_time()
    step()
    return 1e3 * (time.process_time() - start)


def first_step(job: tuple[str, str]) -> float:
    """Measure a rule's first step with the compiled code that a directory has."""
    name, folder = job
    os.environ["THALWEG_CACHE"] = folder
    warnings.simplefilter("ignore")
    step = step_of(registry[name])
    first, _, third = (milliseconds(step) for _ in range(3))
    return first - third


def measured(name: str) -> tuple[float, float, str]:
    """Measure a rule in two fresh processes, of which the second finds on disk what the first has compiled."""
    fresh = multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1)
    with tempfile.TemporaryDirectory() as folder, fresh as processes:
        cold, warm = processes.map(first_step, [(name, folder)] * 2, chunksize=1)
    return cold, warm, name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names, with commas between them")
    only = parser.parse_args().only
    rules = [cls.__name__ for cls in catalogue((*KINDS, *OTHER_KINDS)) if cls.__name__ not in SEE_HESSIANS]
    print("    cold    warm  (ms)")
    for cold, warm, name in sorted(map(measured, only.split(",") if only else rules), reverse=True):
        print(f"{cold:8.0f}{warm:8.0f}  {name}")


if __name__ == "__main__":
    main()
