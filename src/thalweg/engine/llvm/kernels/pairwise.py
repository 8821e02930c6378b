"""256 columns of a sum, or of a maximum, brought together: an order that depends on nothing."""

from collections.abc import Iterator

from ....formula.graph.expr import BLOCK
from ..language.text import SMALL, block

BOTH = {
    "total": ["{x} = fadd {type} {one}, {two}"],
    "max": [
        "{x}.larger = fcmp ogt {type} {one}, {two}",
        "{x}.nan = fcmp uno {type} {one}, zeroinitializer",
        "{x}.keep = or {truth} {x}.larger, {x}.nan",
        "{x} = select {truth} {x}.keep, {type} {one}, {type} {two}",
    ],
}
"""How two columns become one, for sums and for maxima; several may be in one vector."""


ALIGNED = {"float": 32, "double": 64}
"""Where such vectors begin, in bytes."""

VECTOR = 8
"""Columns that are loaded together: wider vectors would be cut into these, at length."""


def fold(kind: str, number: str = "double") -> str:
    """Write the function that brings 256 columns together: each time, the second half is added to the first."""
    return f"""
define internal {number} @fold.{kind}(ptr %columns) {SMALL} {{
{block(_loaded(number), _vectors_folded(kind, number), _vector_folded(kind, number))}
  %result = extractelement <1 x {number}> %all.1, i64 0
  ret {number} %result
}}
"""


def _loaded(number: str) -> Iterator[str]:
    for place in range(BLOCK // VECTOR):
        yield f"%at.{place} = getelementptr {number}, ptr %columns, i64 {place * VECTOR}"
        yield f"%all.{BLOCK}.{place} = load <{VECTOR} x {number}>, ptr %at.{place}, align {ALIGNED[number]}"


def _vectors_folded(kind: str, number: str) -> Iterator[str]:
    """Add vectors to vectors until one is left."""
    for width in _halves(BLOCK, VECTOR):
        for place in range(width // VECTOR):
            one, two = (f"%all.{2 * width}.{there}" for there in (place, place + width // VECTOR))
            yield from _both(kind, number, width=VECTOR, x=f"%all.{width}.{place}", one=one, two=two)


def _vector_folded(kind: str, number: str) -> Iterator[str]:
    """Add the second half of the last vector to the first until one number is left."""
    whole = f"%all.{VECTOR}.0"
    for width in _halves(VECTOR, 1):
        for name, first in (("low", 0), ("high", width)):
            places = ", ".join(f"i32 {place}" for place in range(first, first + width))
            vector = f"<{2 * width} x {number}>"
            yield f"%{name}.{width} = shufflevector {vector} {whole}, {vector} poison, <{width} x i32> <{places}>"
        yield from _both(kind, number, width=width, x=f"%all.{width}", one=f"%low.{width}", two=f"%high.{width}")
        whole = f"%all.{width}"


def _halves(width: int, last: int) -> Iterator[int]:
    while width > last:
        width //= 2
        yield width


def _both(kind: str, number: str, width: int, **names: str) -> Iterator[str]:
    return (line.format(**names, type=f"<{width} x {number}>", truth=f"<{width} x i1>") for line in BOTH[kind])
