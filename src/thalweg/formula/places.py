"""Where a value of a formula differs: from element to element, from row to row, from block to block."""

from __future__ import annotations

from typing import Literal, TypeAlias

Scope: TypeAlias = Literal[
    "element", "turned", "left", "right", "block", "row", "column", "matrix", "parameter", "group"
]
"""Where a symbol has one value: for each element, or each of the matrices transposed; for each two rows or two columns;
for each block of elements, for each row or column of a parameter's matrices, for each of them, for each parameter, or
for each group."""

SQUARES: tuple[Scope, ...] = ("left", "right")
"""The scopes of square matrices, which are multiplied with a parameter's from the left, or from the right."""

BLOCK = 256
"""Elements of a block, in the order of memory: those that share a scale in 8-bit formats."""
