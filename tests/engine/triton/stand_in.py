"""Triton's real JIT over a stand-in for the driver: kernels are built for a card and launched, and nothing is computed.

The interpreter goes another way: what the JIT's binder refuses, what is compiled in the middle of training and whether
a launch has all its arguments is seen here alone. CPU tensors stand in a device's place. Each kernel is compiled to
Triton's own code, and goes on to LLVM's if something in it is done for the first time, or to machine code.
"""

import ctypes
import gc
import os
from functools import cache, lru_cache
from pathlib import Path

# Time goes into compiling alone: not into looking for garbage, lines of sources, and files that nobody reads.
gc.disable()
os.environ.pop("TRITON_INTERPRET", None)
os.environ |= {"TRITON_DISABLE_LINE_INFO": "1", "TRITON_STORE_BINARY_ONLY": "1"}

BUILT: list[str] = []
LAUNCHED: list[tuple] = []
"""For each launch the kernel's name, how often it is run, by how many warps, and what it is passed."""

TRIED: list[str] = []
"""The kernels that were launched with the step left out, to see if the device takes them."""

REFUSED: set[str] = set()
"""The kernels whose launches the device refuses."""

TAKERS: list["Launcher"] = []
"""All kernels that were loaded, in order: a kernel's address is its place, counted from one."""


class Launcher:
    """Stands for what gives a kernel to the device."""

    def __init__(self, source, metadata):
        self.name, self.kinds = metadata.name, list(source.signature.values())
        self.may_be_left_out = next(iter(source.signature)) == "overflowed"
        TAKERS.append(self)

    def __call__(self, x, y, z, stream, function, packed, metadata, enter, leave, *arguments):
        assert (x > 0, y, z) == (True, 1, 1), (x, y, z)
        count = len(self.kinds)
        assert len(arguments) == count, f"{self.name} has {count} arguments, not {len(arguments)}"
        if self.name in REFUSED:
            raise RuntimeError("Triton Error [CUDA]: out of memory")
        passed = [value for kind, value in zip(self.kinds, arguments, strict=True) if kind != "constexpr"]
        if self.may_be_left_out and ctypes.c_float.from_address(passed[0]).value == 1:
            TRIED.append(self.name)
        else:
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
    from triton.runtime.jit import JITCallable

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
    # Kernels share most of the functions that they call: each is parsed once.
    JITCallable.parse = lru_cache(256)(JITCallable.parse)
    cuda_driver.driver = cache(CudaDriver)
    if not whole:
        record = Path(os.environ["TRITON_CACHE_DIR"], "lowered")
        lowering = Lowering(CUDABackend.make_ttgir, CUDABackend.make_llir, record)
        CUDABackend.make_ttgir = staticmethod(lowering.to_ttgir)
        CUDABackend.make_llir = lambda self, *rest: lowering.to_llir(self, *rest)
        CUDABackend.make_ptx = CUDABackend.make_cubin = lambda self, *rest: b""
    assert power.FUSES.value
    function.interprets = available.interprets = lambda: False
    available.runs_on = lambda device: True
