"""The words for elements, and for sums and largest ones among them; those for matrices are in `linear.py`."""

from typing import Any

import torch
from torch import Tensor

from ..graph.expr import BLOCK, Expr, Reduction, apply, as_number
from ..graph.lines import along
from ..graph.move import plain
from ..graph.number import Number
from ..graph.ops import OPS
from ..graph.scopes import ALONG, scope_of


def sqrt(x: Any) -> Any:
    """Take the square root, correctly rounded; NaN below zero."""
    return _say("sqrt", x)


def sign(x: Any) -> Any:
    """Give -1, 0 or 1, by the sign of a number; 0 for NaN."""
    return _say("sign", x)


def floor(x: Any) -> Any:
    """Round down to a whole number."""
    return _say("floor", x)


def exponent(x: Any) -> Any:
    """Round the logarithm to base 2 down; x is positive and no infinity."""
    return _say("exponent", x)


def mantissa(x: Any) -> Any:
    """Divide by 2 to the exponent: between 1 and 2; x is positive and no infinity."""
    return _say("mantissa", x)


def times_power_of_two(x: Any, exponent: Any) -> Any:
    """Multiply by 2 to a whole number, and round once: x is about 1, and the result may overflow or be denormal."""
    return _say("times_power_of_two", x, exponent)


def maximum(a: Any, b: Any) -> Any:
    """Take the larger of two; NaN if either is."""
    return _say("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """Take the smaller of two; NaN if either is."""
    return _say("minimum", a, b)


def clamp(x: Any, low: Any, high: Any) -> Any:
    """Limit a number to between low and high."""
    return minimum(maximum(x, low), high)


def lerp(start: Any, end: Any, weight: Any) -> Any:
    """Walk from start towards end by a weight between 0 and 1."""
    return start + weight * (end - start)


def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose a where the condition holds, else b: the `if` of formulas."""
    if varies(condition) and not (varies(a) or varies(b)):
        if isinstance(condition, Tensor) and not condition.ndim:
            # It is one of sums, or the parameter is one number: numbers of a formula are float64.
            return _say("where", condition, torch.full_like(condition, float(a), dtype=torch.float64), b)
        raise TypeError(
            "where(condition, a, b) with two numbers has no dtype: let a tensor take part, as in "
            "where(condition, 2 * x, x) instead of where(condition, 2, 1) * x"
        )
    return _say("where", condition, a, b)


def by_precision(narrow: Any, wide: Any) -> Any:
    """Take one of two by what is computed in: the first in float32, the second in float64."""
    return _say("by_precision", narrow, wide)


def bits(x: Any) -> Any:
    """Read the 32 bits of a number in float32, as a whole number."""
    return _say("bits", x)


def from_bits(x: Any) -> Any:
    """Read 32 bits as a number in float32."""
    return _say("from_bits", x)


def scaled_bits(x: Any, factor: float) -> Any:
    """Read the bits of x times a power of two below 1, where x is not negative: denormal numbers are rounded right.

    Some processors are slow with denormal numbers; they go another way to the same bits.
    """
    return _say("scaled_bits", x, factor)


def from_scaled_bits(x: Any, factor: float) -> Any:
    """Read 32 bits as a number in float32, times a power of two above 1: the bits may be a denormal number's."""
    return _say("from_scaled_bits", x, factor)


def integer(x: Any) -> Any:
    """Turn a whole number into bits."""
    return _say("integer", x)


def from_integer(x: Any) -> Any:
    """Turn bits into the whole number that they are: it must have 24 of them at most, as float32 has."""
    return _say("from_integer", x)


def shift_right(x: Any, places: int) -> Any:
    """Shift bits to the right, zeros coming in."""
    return _say("shift_right", x, places)


def bfloat16(x: Any) -> Any:
    """Round to the nearest number that bfloat16 has."""
    return _say("bfloat16", x)


def float16(x: Any) -> Any:
    """Round to the nearest number that float16 has."""
    return _say("float16", x)


def total(x: Any) -> Any:
    """Sum over the elements of a parameter, in float64 and in an order that depends on nothing but its size.

    What is one number for each row or column is added up over rows or columns.
    """
    return _summed("total", x)


def total_square(x: Any) -> Any:
    """Sum the squares of a parameter's elements, as `total` does."""
    return _summed("total_square", x)


def row_total(x: Any) -> Any:
    """Sum along each row of a parameter's matrices, in float64, rounded once; the class's `sides` says which."""
    return _along("row_total", x)


def row_mean(x: Any) -> Any:
    """Take the mean of each row, as `row_total` takes the sum."""
    return _along("row_mean", x)


def row_max(x: Any) -> Any:
    """Take the largest of each row; NaN if one is."""
    return _along("row_max", x)


def column_total(x: Any) -> Any:
    """Sum along each column of a parameter's matrices, in float64, rounded once."""
    return _along("column_total", x)


def column_mean(x: Any) -> Any:
    """Take the mean of each column, as `column_total` takes the sum."""
    return _along("column_mean", x)


def column_max(x: Any) -> Any:
    """Take the largest of each column; NaN if one is."""
    return _along("column_max", x)


def block_peak(x: Any) -> Any:
    """Find the largest size among a block of 256 elements, for each of them."""
    x = plain(x)
    if isinstance(x, Tensor):
        rows = torch.nn.functional.pad(x.flatten().abs(), (0, -x.numel() % BLOCK)).view(-1, BLOCK)
        return rows.amax(1).repeat_interleave(BLOCK)[: x.numel()].view_as(x)
    return Reduction("block_peak", (x,))


def _along(how: str, x: Any) -> Any:
    """Go along rows or columns; what does not differ there stays as it is."""
    x = plain(x)
    if isinstance(x, Tensor):
        return along(how, x)
    if not varies(x):
        raise TypeError(f"{how} goes along a parameter's {how.partition('_')[0]}s, but got a number: use it as it is")
    node = Reduction(how, (as_number(x),))
    return node if (node.side, scope_of(node.operands[0])) in ALONG else node.operands[0]


def _summed(how: str, x: Any) -> Any:
    """Sum a tensor, or build the node of a sum; of conditions, those that hold are counted."""
    x = plain(x)
    if isinstance(x, Tensor):
        return (x.double().square() if how == "total_square" else x.double()).sum()
    if not varies(x):
        raise TypeError(f"{how} sums over the elements of a parameter, but got a number: multiply it by self.numel")
    return Reduction(how, (as_number(x),))


def varies(value: Any) -> bool:
    """Tell if a value differs between the elements of a parameter: no word, as formulas know that themselves."""
    value = plain(value)
    return isinstance(value, Tensor) or (isinstance(value, Expr) and value.varies)


def _say(name: str, *given: Any) -> Any:
    operands = tuple(map(plain, given))
    if any(isinstance(operand, Expr) for operand in operands):
        return apply(name, *operands)
    on_host = not isinstance(operands[0], Tensor) if name == "where" else not any(map(varies, operands))
    value = OPS[name].host(*operands) if on_host else OPS[name].torch(*operands)
    return Number(value) if isinstance(value, float) else value
