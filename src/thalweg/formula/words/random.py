"""Random bits from a counter: they depend on a seed, a parameter, a step and an element, and on nothing else.

So every engine, any number of threads and a run that was stopped and resumed draw the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..graph.expr import Expr, Symbol
from .elements import integer, shift_right

MULTIPLIERS = 0x7FEB352D, 0x846CA68B - 2**32
"""Those of Wellons 2018, "Prospecting for hash functions", lowbias32. https://nullprogram.com/blog/2018/07/31/"""

SHARING = 128 | 3
"""The bits that tell apart the eight elements that share a word: four neighbours of each half of a block of 256."""

OTHERS = 0x361FFAF8
"""What their factors differ by, in units of these bits.

Of a thousand numbers it is the best one in the spectral test of Knuth, "Seminumerical algorithms", 3.3.4: if s times
one factor of five quantities is t times another, up to a multiple of 2^32, then s t is at least 2.2 million.
"""

SEED, PARAMETER, STEP = Symbol("seed", "group"), Symbol("param_index", "parameter"), Symbol("step_count", "parameter")
ELEMENT = Symbol("element_index", "element", kind="bits")


def mixed(x: Any) -> Any:
    """Let each bit of 32 depend on all others."""
    x = (x ^ shift_right(x, 16)) * MULTIPLIERS[0]
    x = (x ^ shift_right(x, 15)) * MULTIPLIERS[1]
    return x ^ shift_right(x, 16)


def word_key() -> Expr:
    """Say the key of a step: one number for all elements of a parameter."""
    return mixed(mixed(mixed(integer(SEED)) ^ integer(PARAMETER)) ^ integer(STEP))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Draws:
    """The random bits of one parameter at one step."""

    element: Any = ELEMENT
    """The place of each element, in the order of memory."""
    key: Callable[[], Any] = word_key

    def bits(self, place: int, count: int) -> Any:
        """Draw 16 to 31 bits for each element of the quantity at a place.

        Eight elements share a word, at least four of which are in one thread of a GPU, and so do all their quantities:
        the word's products with odd numbers are as good as further words where bits only have to be unlike each other.
        """
        word = mixed((self.element | SHARING) ^ self.key())
        odd = 1 + (self.element & SHARING) * OTHERS
        return shift_right(word * (odd + 2 * place * MULTIPLIERS[0]), 32 - count)
