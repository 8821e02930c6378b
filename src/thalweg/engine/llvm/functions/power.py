"""The power of `formula/graph/power.py` in machine code: its operations, written down one after the other.

It is long, and compiled once for all kernels, which call it by its address. What it has computed last it remembers,
in memory that belongs to a launch: so no two threads use it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....formula.graph import power as powers
from ..language.text import SMALL, operations
from ..language.written_values import Value, Writer
from ..machine_code.effort import SELDOM


class InText:
    """The arithmetic of the text: bits are shifted where C has a function."""

    def __init__(self, writer: Writer) -> None:
        self.value = writer.value

    def rest_of_product(self, a: Any, b: Any, product: Any) -> Value:
        """Round a product and a sum once together."""
        return self.value("call double @llvm.fma.f64(double {}, double {}, double {})", a, b, product * -1.0)

    def taken_apart(self, x: Value) -> tuple[Value, Value]:
        """Read the bits of the exponent; what is below the normal numbers is made larger first."""
        is_small = x.compared("olt", 2.2250738585072014e-308)
        bits = self.value("bitcast double {} to i64", is_small.chosen(x * 18014398509481984.0, x))
        exponent = self.value("sitofp i64 {} to double", self.value("lshr i64 {}, 52", bits))
        digits = self.value("or i64 {}, 4607182418800017408", self.value("and i64 {}, 4503599627370495", bits))
        mantissa = self.value("bitcast i64 {} to double", digits)
        is_large = mantissa.compared("ogt", powers.ROOT_OF_2)
        counted = exponent - is_small.chosen(1077.0, 1023.0) + is_large.chosen(1.0, 0.0)
        return is_large.chosen(mantissa * 0.5, mantissa), counted

    def floor(self, x: Value) -> Value:
        """Call LLVM's, an instruction."""
        return self.value("call double @llvm.floor.f64(double {})", x)

    def times_power_of_two(self, x: Value, exponent: Value) -> Value:
        """Multiply by four factors, none of which overflows: only the last product may be rounded."""
        quarter = self.floor(exponent * 0.25)
        fourth = self._power_of_two(quarter)
        return x * fourth * fourth * fourth * self._power_of_two(exponent - 3.0 * quarter)

    def _power_of_two(self, exponent: Value) -> Value:
        biased = self.value("fptosi double {} to i64", exponent + 1023.0)
        return self.value("bitcast i64 {} to double", self.value("shl i64 {}, 52", biased))


def raised(
    do: InText,
    x: Value,
    y: Value,
    logarithm: Callable[..., powers.Pair] = powers.logarithm,
    exponential: Callable[..., Any] = powers.exponential,
) -> Value:
    """Raise to a power as C's pow does, infinities, zeros and NaN included."""
    size = x.absolute()
    is_regular = size.compared("ogt", 0.0) & size.compared("olt", float("inf"))
    log = logarithm(do, is_regular.chosen(size, 1.0))
    is_extreme = (log[0] * y).absolute().compared("ogt", powers.TOO_LARGE)
    factor = (is_extreme | y.compared("uno", y)).chosen(0.0, y)
    found = exponential(do, powers.multiply_pair(do, log, factor))
    is_down = y.compared("ogt", 0.0) ^ size.compared("ogt", 1.0)
    extreme = is_down.chosen(0.0, float("inf"))
    found = is_extreme.chosen(extreme, is_regular.chosen(found, extreme))
    found = size.compared("oeq", 1.0).chosen(1.0, found)
    return _outside(do, x, y, _signed(do, x, y, found), is_regular)


def _signed(do: InText, x: Value, y: Value, found: Value) -> Value:
    """Take the sign of x where y is odd."""
    half = y * 0.5
    is_odd = do.floor(y).compared("oeq", y) & do.floor(half).compared("one", half)
    sign = do.value("icmp slt i64 {}, 0", do.value("bitcast double {} to i64", x))
    return (sign & is_odd & y.absolute().compared("olt", float("inf"))).chosen(found * -1.0, found)


def _outside(do: InText, x: Value, y: Value, found: Value, is_regular: Value) -> Value:
    """Leave the real numbers where C does, and return 1 where it does."""
    is_broken = x.compared("olt", 0.0) & is_regular & do.floor(y).compared("one", y)
    found = (x.compared("uno", y) | is_broken).chosen(float("nan"), found)
    return (y.compared("oeq", 0.0) | x.compared("oeq", 1.0)).chosen(1.0, found)


def address() -> int:
    """Where the function is."""
    # Only now is LLVM needed, and imported.
    from ..machine_code.load import shared

    return shared("remembered", text, SELDOM)


ROOM = 2**8
"""Powers that are remembered: of a dozen, which is the most that a step has, two seldom share a place."""

WORDS = ("base", "exponent", "power")
"""What stands at a place."""


def memory() -> Any:
    """Make room for powers; as long as there is none at a place, it says that NaN to the power of NaN is NaN."""
    return np.full((ROOM, len(WORDS)), np.nan)


# The same powers come again: in each pass of a step, for each parameter, and those of options alone in each step.
REMEMBERED = f"""
define dso_local double @remembered(ptr %powers, double %x, double %y) {SMALL} {{
entry:
  %x.bits = bitcast double %x to i64
  %y.bits = bitcast double %y to i64
  %x.spread = mul i64 %x.bits, -7046029254386353131
  %both = add i64 %x.spread, %y.bits
  %spread = mul i64 %both, -4417276706812531889
  %place = lshr i64 %spread, {64 - ROOM.bit_length() + 1}
  %base.at = getelementptr [{len(WORDS)} x i64], ptr %powers, i64 %place
  %exponent.at = getelementptr i64, ptr %base.at, i64 {WORDS.index("exponent")}
  %power.at = getelementptr i64, ptr %base.at, i64 {WORDS.index("power")}
  %base = load i64, ptr %base.at
  %exponent = load i64, ptr %exponent.at
  %is_base = icmp eq i64 %base, %x.bits
  %is_exponent = icmp eq i64 %exponent, %y.bits
  %is_known = and i1 %is_base, %is_exponent
  br i1 %is_known, label %known, label %new

known:
  %found = load double, ptr %power.at
  ret double %found

new:
  %power = call double @power(double %x, double %y)
  store double %x, ptr %base.at
  store double %y, ptr %exponent.at
  store double %power, ptr %power.at
  ret double %power
}}
"""


def text() -> str:
    """Write the functions as a module of their own."""
    writer = Writer()
    result = raised(InText(writer), Value(writer, "%x"), Value(writer, "%y"))
    body = "\n".join(f"  {line}" for line in writer.lines)
    return (
        f"{operations('double')}\ndeclare double @llvm.fma.f64(double, double, double)\n"
        f"define internal double @power(double %x, double %y) {SMALL} {{\n{body}\n  ret double {result.name}\n}}\n"
        f"{REMEMBERED}"
    )
