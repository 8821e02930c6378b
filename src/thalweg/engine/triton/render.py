"""A pass as a Triton module: `prepare` computes the numbers, `update` goes over the elements, `finish` adds up sums."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill

import torch

from ...formula.tracing.program import Program
from ..pieces.row_layout import row_layout
from .elements import Pass, finish
from .numbers import prepare
from .settings import ROW
from .text import FUNCTIONS, TILE

EMPTY = re.compile(r"\n\s*\n(?=    )")
"""What is left in a function's body where there is nothing to say."""


def render(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the module of a program for tensors of these dtypes; `compute` is the one to compute in."""
    layout = row_layout(program, ROW)
    text = Pass(program, dtypes, layout)
    parts = [
        head(),
        prepare(program, dtypes, layout),
        text.elements(),
        text.update(),
        *([finish(len(program.totals), layout)] if program.totals else []),
    ]
    return "\n\n".join(EMPTY.sub("\n", part.strip()) + "\n" for part in parts)


def head() -> str:
    """Write what the module imports."""
    return f"""
import triton
import triton.language as tl

from {__package__}.arithmetic import (
{names(FUNCTIONS)},
)
from {__package__}.power import power
from {__package__}.tile import (
{names(TILE)},
)
"""


def names(functions: Sequence[str]) -> str:
    """List what is imported."""
    return fill(", ".join(functions), 100, initial_indent="    ", subsequent_indent="    ")
