"""A pass as a Triton module: `prepare` computes the numbers, `update` goes over the elements, `finish` adds up sums."""

import re
from collections.abc import Mapping

import torch

from ....formula.tracing.program import Program
from ...pieces.row_layout import row_layout
from ..language.text import head
from .elements import Pass, finish
from .lines.walks import render_lines
from .numbers import prepare
from .settings import ROW

EMPTY = re.compile(r"\n\s*\n(?=    )")
"""What is left in a function's body where there is nothing to say."""


def render(program: Program, dtypes: Mapping[str, torch.dtype]) -> str:
    """Write the module of a program for tensors of these dtypes; `compute` is the one to compute in."""
    if program.has_lines:
        return render_lines(program, dtypes)
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
