"""Kernels, built before anything changes; what cannot be built is told once, and left to the eager engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from ...described import on_one_line
from ...formula.tracing.program import Program
from ...warned import warn
from ..decisions.choice import Choice, Dtypes, Key
from ..decisions.reasons import COMPILERS, WANTED, why_not_device
from ..triton import available
from ..triton.unbuilt import UnbuiltError

_failures: dict[Key, str] = {}
"""The kernels that could not be built, and why: tried once, told once."""

_told: set[str] = set()
"""Why kernels were not used: told once."""


def with_kernels(optimizer: Any, choices: Sequence[Choice]) -> list[Choice]:
    """See that the kernels are there, before anything changes; whatever goes wrong in a compiler, training goes on."""
    distinct = {(id(choice.kernels), choice.why_eager): choice for choice in choices}.values()
    _build_together([key for choice in distinct if choice.why_eager is None for key in choice.kernels])
    for choice in distinct:
        _tell(optimizer, choice)
        if choice.why_eager is None:
            for key in choice.kernels:
                _try(optimizer, key)
    return list(map(as_far_as_known, choices))


def as_far_as_known(choice: Choice) -> Choice:
    """Leave to the eager engine what kernels were tried for, and could not be built."""
    if choice.why_eager or not _failures:
        return choice
    failures = (_failures.get(key) for key in choice.kernels)
    return replace(choice, why_eager=next(filter(None, failures), None))


def _tell(optimizer: Any, choice: Choice) -> None:
    """Say once why an engine that was asked for cannot be had, and on a GPU whatever keeps its kernels from running."""
    reason, param = choice.why_eager, choice.item.param
    is_about_device = reason == why_not_device(optimizer.engine, param) and optimizer.engine in COMPILERS
    is_on_gpu = param.device.type in available.DEVICES and reason not in WANTED
    if reason and (is_about_device or is_on_gpu) and reason not in _told:
        _told.add(reason)
        warn(f"{type(optimizer).__name__} runs on the eager engine, as {reason}")


def _build_together(keys: Sequence[Key]) -> None:
    """Build the CPU's kernels at once, in less time; if anything is wrong, each is tried, and told of, alone."""
    untried = [key for key in keys if key not in _failures]
    wanted = [(program, dtypes) for program, dtypes, compiler, _ in untried if compiler != "triton"]
    if len(wanted) > 1:
        from ..llvm.kernels.kernel import build_together

        with suppress(Exception):
            build_together(wanted)


def _try(optimizer: Any, key: Key) -> None:
    if key in _failures:
        return
    try:
        kernel_for(*key)
    except Exception as error:
        _leave_to_eager(optimizer, key, f"no kernel could be built: {on_one_line(error)}")


def _leave_to_eager(optimizer: Any, key: Key, reason: str) -> None:
    _failures[key] = reason
    warn(f"{type(optimizer).__name__} runs on the eager engine, as {reason}")


def is_news(optimizer: Any, error: UnbuiltError) -> bool:
    """Leave to the eager engine what could not be built when it was needed, too; tell if that was not known.

    Raises the error again where other processes wait for this one, which would begin its step anew.
    """
    if optimizer._sharing and not optimizer._sharing.agreement.is_silent:
        raise error
    is_new = error.key not in _failures
    if is_new:
        _leave_to_eager(optimizer, error.key, str(error))
    return is_new


def kernel_for(program: Program, dtypes: Dtypes, compiler: str, device: torch.device) -> Any:
    """Find the kernel of a program, or build it: only now is LLVM or Triton needed, and imported."""
    if compiler == "triton":
        from ..triton.kernels import kernel

        return kernel.kernel_of(program, dtypes, device)
    from ..llvm.kernels.kernel import kernel_of

    return kernel_of(program, dtypes)
