"""Kernels given to CUDA's driver itself: what Triton's launcher looks up, checks and converts each time, done once.

It is Triton's own last call (`cuLaunchKernelEx`), with the same configuration. Whatever of a kernel is not as expected
here (its parameters, as the driver counts them, or something that needs more than a launch) is left to Triton.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

LIBRARY = "libcuda.so.1"
NOTHING_MORE = ("global_scratch_size", "profile_scratch_size", "launch_cooperative_grid", "launch_pdl")
"""What a kernel asks for beside a launch; each is nothing for those of optimizers."""
SCRATCH = 2
"""Addresses that each kernel of Triton takes behind its own: of memory that these do not need."""
WHOLE_NUMBERS = {"i32": ctypes.c_int32, "i64": ctypes.c_int64}


class Configuration(ctypes.Structure):
    """CUDA's CUlaunchConfig."""

    _fields_ = [
        *((f"{of}_{axis}", ctypes.c_uint) for of in ("grid", "block") for axis in "xyz"),
        ("shared_bytes", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("attribute_count", ctypes.c_uint),
    ]


class DriverLaunch(partial[int]):
    """A call that gives a kernel to the driver, and returns 0 if it took it; it keeps alive what it points to."""

    keeps: Any


def launch_of(handle: Any, programs: int, values: Sequence[int], stream: int) -> DriverLaunch | None:
    """Prepare the launch of a kernel on a stream; None where it is to be left to Triton.

    `values` are those of all its arguments, addresses for tables; constants are among them, and are not passed.
    """
    library, kinds = driver(), list(handle.src.signature.values())
    if library is None or len(kinds) != len(values) or not _asks_for_nothing_more(handle):
        return None
    passed = [(kind, value) for kind, value in zip(kinds, values, strict=True) if kind != "constexpr"]
    types = [_type_of(kind) for kind, _ in passed]
    if None in types or not _takes(library, handle.function, [*types, *[ctypes.c_void_p] * SCRATCH]):
        return None
    words = [of(value) for of, (_, value) in zip(types, passed, strict=True)]  # type: ignore[misc]
    words += [ctypes.c_void_p(None)] * SCRATCH
    parameters = (ctypes.c_void_p * len(words))(*map(ctypes.addressof, words))
    threads, shared_bytes = 32 * handle.metadata.num_warps, handle.metadata.shared
    configuration = Configuration(programs, 1, 1, threads, 1, 1, shared_bytes, stream, None, 0)
    call = DriverLaunch(
        library.cuLaunchKernelEx, ctypes.byref(configuration), ctypes.c_void_p(handle.function), parameters, None
    )
    call.keeps = words, configuration
    return call


@cache
def driver() -> Any:
    """Find the driver; None where there is none, or it is too old to say what a kernel's parameters are."""
    try:
        library = ctypes.CDLL(LIBRARY)
        return library if library.cuLaunchKernelEx and library.cuFuncGetParamInfo else None
    except (OSError, AttributeError):
        return None


def _asks_for_nothing_more(handle: Any) -> bool:
    """Tell if a kernel is for CUDA, and its launch is a plain one, in no clusters."""
    asked = handle.metadata
    # What a version of Triton does not say may be something.
    more = any(getattr(asked, name, True) for name in NOTHING_MORE)
    return asked.target.backend == "cuda" and asked.num_ctas == 1 and not more


def is_watched() -> bool:
    """Tell if somebody has asked Triton to be told of launches, as a profiler does: each step asks, so it is brief."""
    runtime = _runtime()
    enter, leave = runtime.launch_enter_hook, runtime.launch_exit_hook
    return bool(getattr(enter, "calls", enter) or getattr(leave, "calls", leave))


@cache
def _runtime() -> Any:
    """Find where Triton keeps its hooks."""
    from triton import knobs

    return knobs.runtime


def _type_of(kind: str) -> Callable[[int], Any] | None:
    """Give the type of C of one of Triton's."""
    return ctypes.c_void_p if kind.startswith("*") else WHOLE_NUMBERS.get(kind)


def _takes(library: Any, function: int, types: Sequence[Any]) -> bool:
    """Tell if the driver has a kernel take these types and no more."""
    place, size = ctypes.c_size_t(), ctypes.c_size_t()
    ask = partial(library.cuFuncGetParamInfo, ctypes.c_void_p(function))
    found = [
        size.value if not ask(ctypes.c_size_t(index), ctypes.byref(place), ctypes.byref(size)) else None
        for index in range(len(types) + 1)
    ]
    return found == [*map(ctypes.sizeof, types), None]
