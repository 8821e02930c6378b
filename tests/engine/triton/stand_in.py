"""Triton's real JIT over a stand-in for the driver: kernels are built for a card and launched, and nothing is computed.

    PYTHONPATH=src python tests/engine/triton/stand_in.py [--processes 2] [--whole]

The interpreter goes another way: what the JIT's binder refuses, what is compiled in the middle of training and whether
a launch has all its arguments is seen here alone. CPU tensors stand in a device's place. Kernels are compiled down to
LLVM's code; `--whole` goes on to machine code. Prints a line for each optimizer and format; exit status 1 for a fault.
"""

import argparse
import os
import re
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

os.environ.pop("TRITON_INTERPRET", None)

FORMATS = {
    "float32": ("float32", {}),
    "bf16 stochastic": ("bfloat16", {"rounding": "stochastic"}),
    "bf16 master": ("bfloat16", {"rounding": "master"}),
    "8bit": ("float32", {"state_dtype": "8bit"}),
    "4bit": ("float32", {"state_dtype": "4bit"}),
    "clip and average": ("float32", {"max_grad_norm": 1.0, "ema_decay": 0.9}),
}

BUILT: list[str] = []
LAUNCHED: list[str] = []


class Launcher:
    """Stands for what gives a kernel to the device."""

    def __init__(self, source, metadata):
        self.name, self.count = metadata.name, len(source.signature)

    def __call__(self, x, y, z, stream, function, packed, metadata, enter, leave, *arguments):
        assert (x > 0, y, z) == (True, 1, 1), (x, y, z)
        assert len(arguments) == self.count, f"{self.name} has {self.count} arguments, not {len(arguments)}"
        LAUNCHED.append(self.name)


class Utils:
    """Stands for the part of the driver that loads machine code."""

    def load_binary(self, name, kernel, shared, device):
        BUILT.append(name)
        return 1, 2, 64, 0, 1024

    def get_device_properties(self, device):
        return {"max_shared_mem": 232_448, "multiprocessor_count": 132, "max_num_regs": 65_536, "warpSize": 32}

    def unload_module(self, *arguments):
        """Nothing was loaded."""


def named(source, metadata):
    """Stand for what turns LLVM's code into PTX: it notes the kernel's name."""
    metadata["name"] = re.search(r"define[^@]* void @(\w+)\(", str(source)).group(1)
    return ""


def stand_in(whole):
    """Put the stand-in in the driver's place, and let the library take CPU tensors for a device's."""
    import torch
    from triton.backends.compiler import GPUTarget
    from triton.backends.nvidia.compiler import CUDABackend
    from triton.runtime import driver

    from thalweg.engine.triton import available, function, power

    class Driver:
        """Stands for the driver: one device, one stream."""

        utils, launcher_cls = Utils(), Launcher
        get_device_capability = staticmethod(lambda device=0: (9, 0))
        get_current_device = staticmethod(lambda: 0)
        set_current_device = staticmethod(lambda device: None)
        get_current_stream = staticmethod(lambda device=0: 0)
        get_current_target = staticmethod(lambda: GPUTarget("cuda", 90, 32))
        get_active_torch_device = staticmethod(lambda: torch.device("cpu"))
        map_python_to_cpp_type = staticmethod(lambda kind: kind)
        is_active = staticmethod(lambda: True)

    driver.set_active(Driver())
    if not whole:
        CUDABackend.make_ptx = lambda self, source, metadata, *rest: named(source, metadata)
        CUDABackend.make_cubin = lambda self, source, metadata, *rest: b""
    assert power.FUSES.value
    function.interprets = available.interprets = lambda: False
    available.runs_on = lambda device: True


def made(cls, dtype, options):
    """Make an optimizer whose parameters have gradients; some of them start and end nowhere in particular."""
    import torch

    from thalweg.hyper import REQUIRED

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
    """Step twice, and say what is wrong."""
    import torch

    from thalweg.optimizer import registry

    dtype, options = FORMATS[form]
    BUILT.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        optimizer = made(registry[name], getattr(torch, dtype), options)
        optimizer.step()
        first = list(LAUNCHED)
        BUILT.clear()
        LAUNCHED.clear()
        optimizer.step()
        second = list(LAUNCHED)
        LAUNCHED.clear()
    if told := [str(item.message) for item in said if item.category is RuntimeWarning]:
        return told[0]
    if "Triton" not in optimizer.explain() or "eager" in optimizer.explain():
        return optimizer.explain()
    if "update" not in first or first != second:
        return f"launched {first}, then {second}"
    return f"the second step still built {BUILT}" if BUILT else None


def names():
    """List the optimizers that have kernels."""
    import torch

    from thalweg.optimizer import registry

    kinds = tuple(f"thalweg.optimizers.{kind}." for kind in ("elementwise", "layerwise", "modelwise", "matrix"))
    return [name for name, cls in registry.items() if cls.__module__.startswith(kinds) and torch.strided in cls.layouts]


def try_one(job):
    """Try one optimizer in all formats; in a process of its own."""
    name, whole = job
    stand_in(whole)
    lines = []
    for form in FORMATS:
        try:
            lines.append((name, form, fault(name, form)))
        except Exception as error:
            lines.append((name, form, repr(error)))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="assemble to machine code")
    arguments = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRITON_CACHE_DIR"] = os.environ["THALWEG_CACHE"] = folder
        jobs = [(name, arguments.whole) for name in names()]
        with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
            for lines in pool.map(try_one, jobs):
                for name, form, wrong in lines:
                    print(f"{name:10} {form:18} {wrong or 'built and launched'}", flush=True)
                    faults += wrong is not None
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
