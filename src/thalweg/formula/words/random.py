"""Random bits from a counter: they depend on a seed, a parameter, a step and an element, and on nothing else.

So every engine, any number of threads and a run that was stopped and resumed draw the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..graph.composed import written
from ..graph.expr import Expr, Symbol
from ..graph.move import plain
from ..graph.ops import wrapped
from .elementary import HALF_PI, log_of_parts, sine
from .elements import bits, from_bits, from_integer, integer, shift_right, sign, sqrt

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
    x = _in_32_bits((x ^ shift_right(x, 16)) * MULTIPLIERS[0])
    x = _in_32_bits((x ^ shift_right(x, 15)) * MULTIPLIERS[1])
    return x ^ shift_right(x, 16)


def _in_32_bits(x: Any) -> Any:
    """Let a number of Python's wrap around, as bits do by themselves."""
    return wrapped(x) if isinstance(x, int) else x


def key_of(seed: Any, parameter: Any, step: Any) -> Any:
    """Say the key of a step: one number for all elements of a parameter."""
    return mixed(mixed(mixed(integer(seed)) ^ integer(parameter)) ^ integer(step))


def word_key() -> Expr:
    """Say the key of a step in symbols."""
    return key_of(SEED, PARAMETER, STEP)  # type: ignore[no-any-return]


ROOT_OF_HALF = 0x3F3504F3
"""The bits of the root of 1/2, in float32."""

NOISE = 0x1B873593, 0x2545F491, 0x27D4EB2F
"""What sets the keys of noise apart from each other, and from the one that rounding draws by."""


@written(r"\xi_t", shows=slice(0))
def noise(rule: Any, like: Any) -> Any:
    """Draw a standard normal number for each element of a parameter, in the precision of a tensor of its shape.

    Written `noise(self, grad)`. It depends on `seed`, the parameter, the step, and the element's place in the whole
    tensor, and is the same on every engine. Box & Muller 1958, "A note on the generation of random normal deviates",
    https://doi.org/10.1214/aoms/1177706645, from two numbers of 24 bits each: none is beyond 5.77.
    """
    key = key_of(rule.seed, rule.param_index, rule.step_count)
    first, second, third = (mixed(key ^ apart) for apart in NOISE)
    word = mixed(mixed(rule.element_index ^ first) ^ second)
    size = sqrt(-2 * _log_of_fraction(word, like))
    # Of so many parts of a turn, the cosine is the sine of what lies between the half turn's two quarters.
    left = abs(_whole(shift_right(mixed(word ^ third), 8), like) - 2.0**23) - 2.0**22
    return size * sine(left * (4 * HALF_PI * 2.0**-24))


def _log_of_fraction(word: Any, like: Any) -> Any:
    """Take the logarithm of the first 24 bits of a word, and one more, as parts of 2^24, in the precision of a tensor.

    The bits of a whole number tell its nearest power of two, and what is left, by themselves.
    """
    found = bits(from_integer(shift_right(word, 8) + 1)) - ROOT_OF_HALF
    low = from_bits((found & 0x7FFFFF) + ROOT_OF_HALF) - 1
    return log_of_parts(_whole(shift_right(found, 23), like) - 24, low + _zero(like))


def _whole(word: Any, like: Any) -> Any:
    """Give a whole number of 24 bits in the precision of a tensor."""
    return from_integer(word) + _zero(like)


def _zero(like: Any) -> Any:
    """Give a zero in the precision of a tensor."""
    return 0 * sign(plain(like))


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
