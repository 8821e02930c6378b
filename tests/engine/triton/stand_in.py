"""Triton's real JIT over a stand-in for the driver: kernels are built for a card and launched, and nothing is computed.

    PYTHONPATH=src python -m tests.engine.triton.stand_in [--processes 1] [--whole]

The interpreter goes another way: what the JIT's binder refuses, what is compiled in the middle of training and whether
a launch has all its arguments is seen here alone. CPU tensors stand in a device's place. Each kernel is compiled to
Triton's own code, and goes on to LLVM's if something in it is done for the first time; with `--whole` each becomes
machine code. Prints a line for each optimizer and format; exit status 1 for a fault.
"""

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

# Time goes into compiling alone: not into looking for garbage, lines of sources, and files that nobody reads.
gc.disable()
os.environ.pop("TRITON_INTERPRET", None)
os.environ |= {"TRITON_DISABLE_LINE_INFO": "1", "TRITON_STORE_BINARY_ONLY": "1"}

FORMATS = {
    "float32": ("float32", {}),
    "bf16 stochastic": ("bfloat16", {"rounding": "stochastic"}),
    "bf16 master": ("bfloat16", {"rounding": "master"}),
    "8bit": ("float32", {"state_dtype": "8bit"}),
    "4bit": ("float32", {"state_dtype": "4bit"}),
    "clip and average": ("float32", {"max_grad_norm": 1.0, "ema_decay": 0.9}),
}

BUILT: list[str] = []
LAUNCHED: list[tuple] = []
"""For each launch the kernel's name, how often it is run, by how many warps, and what it is passed."""

TAKERS: list["Launcher"] = []
"""All kernels that were loaded, in order: a kernel's address is its place, counted from one."""


class Launcher:
    """Stands for what gives a kernel to the device."""

    def __init__(self, source, metadata):
        self.name, self.kinds = metadata.name, list(source.signature.values())
        TAKERS.append(self)

    def __call__(self, x, y, z, stream, function, packed, metadata, enter, leave, *arguments):
        assert (x > 0, y, z) == (True, 1, 1), (x, y, z)
        count = len(self.kinds)
        assert len(arguments) == count, f"{self.name} has {count} arguments, not {len(arguments)}"
        passed = [value for kind, value in zip(self.kinds, arguments, strict=True) if kind != "constexpr"]
        LAUNCHED.append((self.name, x, *packed, *passed))

    @property
    def types(self):
        """What the kernel takes: two addresses more than its own arguments."""
        own = [ctypes.c_int32 if kind == "i32" else ctypes.c_int64 for kind in self.kinds if kind != "constexpr"]
        return [*own, ctypes.c_int64, ctypes.c_int64]


class CudaDriver:
    """Stands for CUDA's own driver, which a step that is like the last one is given to."""

    def __init__(self):
        kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)
        self.cuLaunchKernelEx = kind(self.launch)

    def launch(self, configuration, function, parameters, extra):
        """Note a launch, as Triton's launcher would have it."""
        from thalweg.engine.triton.device.cuda_driver import Configuration

        how, taker = Configuration.from_address(configuration), TAKERS[function - 1]
        assert (how.grid_y, how.grid_z, how.block_y, how.block_z, how.attribute_count) == (1, 1, 1, 1, 0)
        places = (ctypes.c_void_p * len(taker.types)).from_address(parameters)
        *passed, first, second = (of.from_address(place).value for of, place in zip(taker.types, places, strict=True))
        assert (first, second, extra, how.stream) == (0, 0, None, None)
        LAUNCHED.append((taker.name, how.grid_x, how.block_x // 32, 1, how.shared_bytes, *passed))
        return 0

    def cuFuncGetParamInfo(self, function, index, place, size):
        """Say how large a parameter is."""
        types = TAKERS[function.value - 1].types
        if index.value == len(types):
            return 1
        size._obj.value = ctypes.sizeof(types[index.value])
        return 0


class Utils:
    """Stands for the part of the driver that loads machine code."""

    def load_binary(self, name, kernel, shared, device):
        BUILT.append(name)
        return 1, len(TAKERS), 64, 0, 1024

    def get_device_properties(self, device):
        return {"max_shared_mem": 232_448, "multiprocessor_count": 132, "max_num_regs": 65_536, "warpSize": 32}

    def unload_module(self, *arguments):
        """Nothing was loaded."""


def stand_in(whole):
    """Put the stand-in in the driver's place, and let the library take CPU tensors for a device's."""
    import torch
    from triton.backends.compiler import GPUTarget
    from triton.backends.nvidia.compiler import CUDABackend
    from triton.runtime import driver

    from tests.engine.triton.lowering import Lowering
    from thalweg.engine.triton import available
    from thalweg.engine.triton.device import cuda_driver, function
    from thalweg.engine.triton.language import power

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
    cuda_driver.driver = cache(CudaDriver)
    if not whole:
        lowering = Lowering(CUDABackend.make_ttgir, CUDABackend.make_llir)
        CUDABackend.make_ttgir = staticmethod(lowering.to_ttgir)
        CUDABackend.make_llir = lambda self, *rest: lowering.to_llir(self, *rest)
        CUDABackend.make_ptx = CUDABackend.make_cubin = lambda self, *rest: b""
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

    from thalweg.engine.decisions.reasons import MATRICES
    from thalweg.optimizer import registry

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
    if MATRICES in optimizer.explain():
        return None
    if "Triton" not in optimizer.explain() or "eager" in optimizer.explain():
        return optimizer.explain()
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
    """Step, and list what is launched."""
    LAUNCHED.clear()
    optimizer.step()
    return list(LAUNCHED)


def jobs():
    """List each optimizer that has kernels: in one format, its formula; one of each set of traits in two others too."""
    import torch

    from tests.traits import in_turn, one_of_each
    from thalweg.optimizer import registry

    kinds = tuple(f"thalweg.optimizers.{kind}." for kind in ("elementwise", "layerwise", "modelwise", "matrix"))
    found = [cls for cls in registry.values() if cls.__module__.startswith(kinds) and torch.strided in cls.layouts]
    plain, *others = FORMATS
    forms = {
        cls: (in_turn(others, 2 * place), in_turn(others, 2 * place + 1))
        for place, cls in enumerate(one_of_each(found))
    }
    return [(cls.__name__, (plain, *forms.get(cls, ()))) for cls in found]


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


def tried(processes, whole):
    """Try all optimizers; one process knows what it has lowered, several are quicker."""
    if processes == 1:
        stand_in(whole)
        yield from map(try_one, jobs())
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), stand_in, (whole,)) as pool:
        yield from pool.map(try_one, jobs())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="assemble to machine code")
    arguments = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRITON_CACHE_DIR"] = os.environ["THALWEG_CACHE"] = folder
        for lines in tried(arguments.processes, arguments.whole):
            for name, form, wrong in lines:
                print(f"{name:10} {form:18} {wrong or 'built and launched'}", flush=True)
                faults += wrong is not None
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
