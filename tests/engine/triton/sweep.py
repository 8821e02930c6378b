"""Every optimizer through Triton's real JIT, over the stand-in for the driver.

    PYTHONPATH=src python -m tests.engine.triton.sweep [--every] [--whole] [--processes 1] [--part 1/1]

Prints a line for each optimizer and format; exit status 1 for a fault. Each optimizer goes in one format, its formula;
one of each set of traits in two more. With `--every` each goes in all formats; with `--whole` all of it is assembled.
"""

import argparse
import os
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from tests.engine.triton.stand_in import BUILT, LAUNCHED, stand_in
from tests.traits import in_turn, one_of_each
from thalweg.engine.decisions.reasons import IN_BLOCKS_ALONG_LINES, MATRICES
from thalweg.hyper import REQUIRED
from thalweg.optimizer import registry

FORMATS = {
    "float32": ("float32", {}),
    "bf16 stochastic": ("bfloat16", {"rounding": "stochastic"}),
    "bf16 master": ("bfloat16", {"rounding": "master"}),
    "8bit": ("float32", {"state_dtype": "8bit"}),
    "4bit": ("float32", {"state_dtype": "4bit"}),
    "clip and average": ("float32", {"max_grad_norm": 1.0, "ema_decay": 0.9}),
}

TORCHS = (MATRICES, IN_BLOCKS_ALONG_LINES)
"""Why some parameters have no kernels, as the docs say."""


def made(cls, dtype, options):
    """Make an optimizer whose parameters have gradients; some of them start and end nowhere in particular."""
    needed = {name: 1e-3 for name, option in cls.options.items() if option.default is REQUIRED}
    params = [
        torch.zeros(64, 128, dtype=dtype),
        torch.zeros(8, 8, dtype=dtype),
        torch.zeros(36, dtype=dtype)[1:].view(5, 7),
    ]
    for param in params:
        param.requires_grad_().grad = torch.zeros_like(param)
    return cls(params, engine="triton", **needed, **options)


def fault(name, form):
    """Step three times, and say what is wrong."""
    cls, (dtype, options) = registry[name], FORMATS[form]
    BUILT.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        taken = {name: value for name, value in options.items() if name not in cls.refuses}
        optimizer = made(cls, getattr(torch, dtype), taken)
        first = launched_by(optimizer)
        BUILT.clear()
        # The second step goes through Triton; if nothing else is to be done, the third goes to the driver itself.
        second, third = launched_by(optimizer), launched_by(optimizer)
    if told := [str(item.message) for item in said if item.category is RuntimeWarning]:
        return told[0]
    return wrong_engine(optimizer.explain()) or wrong_launches(optimizer, first, second, third)


def wrong_engine(words):
    """Say it if a parameter has no kernels, and not for the reasons that the docs give."""
    left = [line for line in words.splitlines() if "eager" in line and not any(why in line for why in TORCHS)]
    return words if left or ("Triton" not in words and "eager" not in words) else None


def wrong_launches(optimizer, first, second, third):
    """Say what is wrong with the launches of three steps."""
    if not optimizer._watch.plan.launches:
        return None
    if names(first) != names(second) or names(second) != names(third) or not {"update", "walk"} & {*names(first)}:
        return f"launched {first}, then {second}, then {third}"
    # Only where launches are all there is to do have they the same tables; there the driver must have taken them.
    plan = optimizer._watch.plan
    if plan.only_launches and (second != third or not all(launch.driver_launches() for launch in plan.launches)):
        return f"launched {second}, and for the driver {third}"
    return f"the second step still built {BUILT}" if BUILT else None


def names(launches):
    """List whose launches they are."""
    return [name for name, *_ in launches]


def launched_by(optimizer):
    """Step, and list what is launched; who asks for the loss or the Hessian is told something."""
    LAUNCHED.clear()
    if hasattr(optimizer, "update_hessian"):
        optimizer.step(hessian=[torch.ones_like(param) for param in optimizer.param_groups[0]["params"]])
    else:
        optimizer.step(lambda: 1.0)
    return list(LAUNCHED)


def jobs(every):
    """List each optimizer that has kernels, and its formats: all of them, or some if others have the same traits."""
    found = [cls for cls in registry.values() if hasattr(cls, "update") and torch.strided in cls.layouts]
    plain, *others = FORMATS
    forms = {
        cls: (in_turn(others, 2 * place), in_turn(others, 2 * place + 1))
        for place, cls in enumerate(one_of_each(found))
    }
    return [(cls.__name__, tuple(FORMATS) if every else (plain, *forms.get(cls, ()))) for cls in found]


def try_one(job):
    """Try one optimizer in some formats."""
    name, forms = job
    lines = []
    for form in forms:
        try:
            lines.append((name, form, fault(name, form)))
        except Exception as error:
            lines.append((name, form, repr(error)))
    return lines


def tried(arguments):
    """Try optimizers; one process knows what it has lowered, several are quicker."""
    part, parts = map(int, arguments.part.split("/"))
    found = jobs(arguments.every)[part - 1 :: parts]
    if arguments.processes == 1:
        stand_in(arguments.whole)
        yield from map(try_one, found)
        return
    with ProcessPoolExecutor(arguments.processes, get_context("spawn"), stand_in, (arguments.whole,)) as pool:
        yield from pool.map(try_one, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", action="store_true", help="try each optimizer in all formats")
    parser.add_argument("--whole", action="store_true", help="assemble to machine code")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--part", default="1/1", help="try the first of so many parts, or another")
    arguments = parser.parse_args()
    faults = 0
    # Thousands of small files are written.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        os.environ["TRITON_CACHE_DIR"] = os.environ["THALWEG_CACHE"] = folder
        for lines in tried(arguments):
            for name, form, wrong in lines:
                print(f"{name:10} {form:18} {wrong or 'built and launched'}", flush=True)
                faults += wrong is not None
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
