"""How a number lies in memory, in Triton's words: one row per dtype."""

from dataclasses import dataclass

import torch

from ....state.formats.format import PACKED


@dataclass(frozen=True)
class Format:
    """The type in memory, and the expressions that widen one to compute with and round it back, to nearest even."""

    type: str
    load: str = "{0}.to({compute})"
    store: str = "{0}.to({type})"
    bytes: int = 4
    """In memory."""
    together: int = 1
    """How many elements share a place in memory."""


FORMATS = {
    torch.float32: Format("tl.float32"),
    torch.float64: Format("tl.float64", bytes=8),
    torch.bfloat16: Format("tl.int16", "from_bfloat16({0})", "to_bfloat16({0})", 2),
    torch.float16: Format("tl.float16", bytes=2),
    torch.int16: Format("tl.int16", "{0}.to(tl.int32)", bytes=2),
    torch.uint8: Format("tl.uint8", "{0}.to(tl.int32)", bytes=1),
    PACKED: Format("tl.uint8", bytes=1, together=2),
}

COMPUTE = {torch.float32: "tl.float32", torch.float64: "tl.float64"}
"""The types that formulas are evaluated in."""


def loaded(dtype: torch.dtype, text: str, compute: str) -> str:
    """Write how what lies in memory is read as something to compute with."""
    form = FORMATS[dtype]
    return text if form.type == compute else form.load.format(text, compute=compute)


def stored(dtype: torch.dtype, text: str, compute: str) -> str:
    """Write how what was computed is rounded to lie in memory."""
    form = FORMATS[dtype]
    return text if form.type == compute else form.store.format(text, type=form.type)
