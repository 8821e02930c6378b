"""A kernel: a program for tensors of given dtypes, as functions that can be called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch

from ....formula.tracing.program import Program
from ..functions import power
from ..machine_code import threads
from ..machine_code.load import alike
from . import finish
from .context import CONTEXT, layout_of
from .render import render

FUNCTIONS = ("step", "prepare", "work", "finish")

Function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)
# Holding Python's lock: what is small is done before another thread could free what it is about.
Alone = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)
Part = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Kernel:
    """Machine code of one program; calling it lets go of Python's lock."""

    def __init__(self, program: Program, dtypes: Mapping[str, torch.dtype], text: str, library: Any) -> None:
        self.layout, self.dtypes = layout_of(program), dtypes
        self.context = CONTEXT
        self.externals = {
            "run_parallel": threads.run_parallel_address(),
            "power": power.address() if "%raise(" in text else 0,
            "add_up": finish.address() if "%add_up(" in text else 0,
        }
        self.library = library
        self.address = int(self.library["step"])
        self.step, self.step_alone = Function(self.address), Alone(self.address)
        self.prepare = Part(self.library["prepare"])
        self.work = Part(self.library["work"])
        self.finish = Part(self.library["finish"])

    @property
    def is_machine_code(self) -> bool:
        """True if no Python takes part in a call."""
        return threads.openmp_works() or torch.get_num_threads() <= 1

    @staticmethod
    def memory_of_powers() -> Any:
        """Make room for powers that kernels have computed, which those of one launch share."""
        return power.memory()

    def change(self, context: int, count: int) -> Callable[[], None]:
        """Return what updates everything that the context lists, on a number of threads."""
        if count <= 1 or threads.openmp_works():
            return partial(self.step, context, count)
        return partial(self._run_in_pool, context, count)

    def _run_in_pool(self, context: int, count: int) -> None:
        self.prepare(context)
        others = [threads.pool(count).submit(self.work, context) for _ in range(count - 1)]
        self.work(context)
        for other in others:
            other.result()
        self.finish(context)


Dtypes = tuple[tuple[str, torch.dtype], ...]

_kernels: dict[tuple[Program, Dtypes], Kernel] = {}


def kernel_of(program: Program, dtypes: Dtypes) -> Kernel:
    """Find the kernel of a program, building it if it is new."""
    key = (program, dtypes)
    if key not in _kernels:
        build_together([key])
    return _kernels[key]


def build_together(wanted: Iterable[tuple[Program, Dtypes]]) -> None:
    """Build the kernels of several programs, as far as they are new; they are compiled as one module."""
    texts = {key: render(key[0], dict(key[1])) for key in wanted if key not in _kernels}
    libraries = alike(list(texts.values()), FUNCTIONS)
    for (key, text), library in zip(texts.items(), libraries, strict=True):
        _kernels[key] = Kernel(key[0], dict(key[1]), text, library)
