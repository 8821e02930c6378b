"""The error function of float64 and its complement, for loops over many numbers: no branches, no tables, no calls.

After Shepherd & Laframboise 1981, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity",
https://doi.org/10.1090/S0025-5718-1981-0595058-X.
"""

from __future__ import annotations

import math

from ..language.written_values import Value
from .angles import signed
from .exponentials import wide_exponential
from .power import InText

CENTER = 3.75
"""The approximation is a polynomial of (x - CENTER) / (x + CENTER), which lies between -1 and 1."""

SMOOTH = (
    *(1.2375126308378275, -0.14024059858554702, 0.0035854154854644293, 0.08227673849015102, -0.10880393014174886),
    *(0.09230432116019834, -0.05869339858963677, 0.0283622774215156, -0.009746579558029276, 0.0017556258324217529),
    *(0.0002937136655913448, -0.00029015397928986765, 5.164909889268241e-05, 2.2383912036550678e-05),
    *(-1.1444146237700524e-05, -9.72849582211122e-07, 1.751637648849062e-06, -5.826281078800777e-08),
    *(-2.5866850716155884e-07, 2.4289762925488707e-08, 3.8675334242222354e-08, -4.389284159986328e-09),
    *(-5.1739902140113095e-09, 5.457157304704688e-10, 4.2514714447963895e-10, -3.75315827795962e-11),
)
"""(1 + 2x) exp(x^2) erfc x: its first 26 Chebyshev polynomials, the constant first; the others sum up to 2.3e-18."""


def error_function(x: Value) -> Value:
    """Write erf(x): by its series up to 1, by its complement beyond; off by at most 2 units in the last place."""
    size = x.absolute()
    beyond = signed(x.compared("olt", 0.0), 1.0 - upper_tail(size))
    return size.compared("ogt", 1.0).chosen(beyond, around_zero(x))


def complement(x: Value) -> Value:
    """Write erfc(x) = 1 - erf(x), the share of a tail; off by at most 5 units in the last place."""
    size = x.absolute()
    tail = upper_tail(size)
    beyond = x.compared("olt", 0.0).chosen(2.0 - tail, tail)
    return size.compared("ogt", 0.5).chosen(beyond, 1.0 - around_zero(x))


def around_zero(x: Value) -> Value:
    """Write the series of erf(x), for at most 1."""
    z = x * x
    series = z.polynomial([(-1) ** i / (math.factorial(i) * (2 * i + 1)) for i in range(1, 19)])
    near = x * (2 / math.sqrt(math.pi))
    return near + near * (z * series)


def upper_tail(x: Value) -> Value:
    """Write erfc(x) of a number that is not negative: exp(-x^2), x^2 to twice the digits, times what is left."""
    near = x.compared("ogt", 30.0).chosen(30.0, x)  # Beyond, it is zero.
    t = (near - CENTER) / (near + CENTER)
    smooth = t.polynomial(SMOOTH) / (1.0 + near * 2.0)
    do, square = InText(x.writer), near * near
    rest = do.rest_of_product(near, near, square)
    return smooth * wide_exponential(do, (square * -1.0, rest * -1.0))
