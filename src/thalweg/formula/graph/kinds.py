"""What kinds of operands an operation takes: bits meet bits and whole numbers alone."""

from __future__ import annotations

from typing import Any

from .conditions import kind_of
from .mistakes import misused
from .ops import Kind, Op

BITS = "bits stand where a number or a condition has to: write from_bits(b) for the number that they are"
MIXED = "bits meet bits and whole numbers alone, but got another number: write integer(x) for the bits of a whole one"

ODD_PLACES: dict[tuple[str, int], Kind] = {("where_bits", 0): "condition", ("from_scaled_bits", 1): "number"}
"""The operands, by the name of the operation and their place, that are of another kind than its others."""


def check_bits(op: Op, operands: tuple[Any, ...]) -> None:
    """Raise TypeError where an operation on numbers gets bits, or one on bits anything else than these."""
    for place, operand in enumerate(operands):
        wanted = ODD_PLACES.get((op.name, place), op.takes)
        is_bits = kind_of(operand) == "bits"
        if wanted == "bits" and not (is_bits or type(operand) is int):
            raise TypeError(misused(op.name) if "bits" not in map(kind_of, operands) else MIXED)
        if wanted != "bits" and is_bits:
            raise TypeError(BITS)
