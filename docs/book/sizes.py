"""What an optimizer keeps, and how many bytes an element that is in each format."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

from thalweg import Optimizer
from thalweg.formula.rule.facts import known
from thalweg.formula.tracing.trace import formula_of

from .markdown import code, table
from .traced import made

SIDE = 256
"""A matrix of 256 by 256: what is kept for rows and columns alone, or once, is next to nothing for it."""

FORMATS: list[tuple[torch.dtype, dict[str, Any]]] = [
    (torch.float32, {}),
    (torch.float32, {"state_dtype": "8bit"}),
    (torch.float32, {"state_dtype": "4bit"}),
    (torch.bfloat16, {"rounding": "master"}),
    (torch.bfloat16, {"rounding": "kahan"}),
    (torch.bfloat16, {"rounding": "stochastic"}),
    (torch.bfloat16, {"rounding": "stochastic", "state_dtype": "8bit"}),
]


def states(cls: type[Optimizer]) -> list[str]:
    """Name the states that are kept under the default options."""
    optimizer = made(cls, torch.zeros(SIDE, SIDE))
    [group] = optimizer.param_groups
    formula = formula_of(optimizer.rule_in(group), known(cls, group["params"][0], group))
    return [name for name in formula.states if name != "param"]


def sizes_table(cls: type[Optimizer]) -> str:
    """Write the bytes an element of a matrix in each format."""
    head = ("parameters", "options", "parameter", "beside it", "states", "in all")
    return table(head, list(_rows(cls)))


def _rows(cls: type[Optimizer]) -> Iterator[tuple[str, ...]]:
    for (dtype, options), kept in zip(FORMATS, sizes(cls), strict=True):
        if kept:
            written = ", ".join(f"{name}={value!r}" for name, value in options.items())
            shares = [bytes_an_element(share) for share in (*kept, sum(kept))]
            yield str(dtype).removeprefix("torch."), code(written) if written else "", *shares


@cache
def sizes(cls: type[Optimizer]) -> list[tuple[int, int, int] | None]:
    """Count the bytes of parameter, of what is beside it and of states, in each format; None where that is refused."""
    return [_size(cls, dtype, options) for dtype, options in FORMATS]


def _size(cls: type[Optimizer], dtype: torch.dtype, options: dict[str, Any]) -> tuple[int, int, int] | None:
    try:
        memory = made(cls, torch.zeros(SIDE, SIDE, dtype=dtype), **options).memory().all
    except (TypeError, ValueError):
        return None  # the class refuses this format, and says why where it is asked for
    return memory.parameters, memory.compensation, memory.states


def bytes_an_element(size: int) -> str:
    """Write the share of an element."""
    return f"{size / SIDE**2:.2f}".rstrip("0").rstrip(".")
