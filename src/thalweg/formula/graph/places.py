"""Where a value of a formula differs: from element to element, from row to row, from block to block."""

from __future__ import annotations

from typing import Literal, TypeAlias

Scope: TypeAlias = Literal[
    "element",
    "turned",
    "left",
    "right",
    "thin",
    "thin left",
    "thin turned",
    "thin left turned",
    "block",
    "row",
    "column",
    "matrix",
    "parameter",
    "group",
]
"""Where a symbol has one value: for each element, or each of the matrices transposed; for each two rows or two columns;
for each column, or row, and one of a few directions, or the same transposed; for each block of elements, for each row
or column of a parameter's matrices, for each of them, for each parameter, or for each group."""

SQUARES: tuple[Scope, ...] = ("left", "right")
"""The scopes of square matrices, which are multiplied with a parameter's from the left, or from the right."""

FACTORS: tuple[Scope, ...] = (*SQUARES, "thin")
"""The scopes of all matrices that are kept for products with a parameter's, and are not of its shape."""

BLOCK = 256
"""Elements of a block, in the order of memory: those that share a scale in 8-bit formats."""
