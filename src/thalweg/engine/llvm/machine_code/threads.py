"""The threads that kernels share with torch: its own OpenMP runtime, or a pool where there is none."""

from __future__ import annotations

import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch

_forked = False


def _after_fork() -> None:
    # OpenMP's threads do not survive a fork, and its locks may be held for ever.
    global _forked
    _forked = True
    pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def openmp_works() -> bool:
    """Tell if torch's OpenMP runtime was found, and has its threads in this process."""
    return not _forked and run_parallel_address() != 0


@cache
def run_parallel_address() -> int:
    """Find `GOMP_parallel(function, data, threads, flags)` in the runtime that torch has loaded; 0 if there is none."""
    for path in _candidates():
        try:
            runtime = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
            return ctypes.cast(runtime.GOMP_parallel, ctypes.c_void_p).value or 0
        except (OSError, AttributeError):
            continue
    return 0


def _candidates() -> list[str]:
    """List the files that may hold the runtime; only one that is loaded already is used."""
    if sys.platform == "linux":
        lines = Path("/proc/self/maps").read_text().splitlines()
        return sorted({line.split(maxsplit=5)[5] for line in lines if "libgomp" in line})
    if sys.platform == "darwin":
        return [str(path) for path in (Path(torch.__file__).parent / "lib").glob("lib*omp*.dylib")]
    return []


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Keep a few threads of our own."""
    return ThreadPoolExecutor(threads, thread_name_prefix="thalweg")
