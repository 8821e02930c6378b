"""Models that are compiled give the fits that torch gives, and what cannot be compiled is left to torch."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from thalweg.engine.llvm.closure_methods.normal_equations import PARAMETER, POINT, NormalEquations
from thalweg.formula.graph.expr import Constant, Symbol, walk
from thalweg.formula.graph.ops import OPS
from thalweg.optimizers.closure import curve_fit
from thalweg.optimizers.closure.as_scipy.curve_fit import DataSets
from thalweg.optimizers.closure.batches import least_squares_rows
from thalweg.optimizers.closure.batches.compiled import model_words
from thalweg.optimizers.closure.batches.compiled.composed_functions import exp
from thalweg.optimizers.closure.batches.compiled.known_logarithms import with_known_logarithms
from thalweg.optimizers.closure.batches.compiled.model_words import WORDS
from thalweg.optimizers.closure.batches.compiled.recorded_model import is_right, recorded_model
from thalweg.optimizers.closure.batches.members import Members

T = torch.linspace(0.2, 3, 19, dtype=torch.float64)
GENERATOR = torch.Generator().manual_seed(7)
STARTS = 0.7 + torch.rand(5, 3, dtype=torch.float64, generator=GENERATOR)
Y = torch.rand(5, 19, dtype=torch.float64, generator=GENERATOR)

COMPILED = {
    "add, sub, mul, div": lambda t, a, b, c: (a + 2 * t - b) * c / (t + a) + torch.add(a, b, alpha=3) - (1 - a),
    "exp, log, sqrt": lambda t, a, b, c: torch.exp(-a * t) + torch.log(b + t) * torch.sqrt(c + t),
    "rsqrt, reciprocal, square": lambda t, a, b, c: torch.rsqrt(a + t) + torch.reciprocal(b + t) + torch.square(c * t),
    "powers": lambda t, a, b, c: (a + t) ** 3 + (b * t) ** -2 + (c + t) ** 0.5 + (a + t) ** 1.5 + b**0 + c**1,
    "any power": lambda t, a, b, c: a * t**b + (c * t) ** 0.3 + 2 ** (a * t) + b**1.7 + t**-1.25 + torch.exp2(b * t),
    "powers and logarithms of zero": lambda t, a, b, c: (
        a * (t - T[3]).clamp(0) ** b + c * torch.log1p(t) + t.log() ** b
    ),
    "sin, cos, tan": lambda t, a, b, c: a * torch.sin(6 * b * t + c) + torch.cos(a * t) + torch.tan(b * t / 9),
    "sinc": lambda t, a, b, c: a * torch.sinc(b * (t - c)) + torch.sinc(c * (t - T[3])),
    "tanh, sinh, cosh": lambda t, a, b, c: a * torch.tanh(b * (t - 1)) + torch.sinh(c * t) + torch.cosh(a * t),
    "atan, atan2, hypot": lambda t, a, b, c: torch.atan(a * t) + torch.atan2(b * t - 2, c - t) + torch.hypot(c * t, b),
    "asin, acos": lambda t, a, b, c: torch.asin(a * t / 6) + torch.acos(b * t / 6) * c,
    "erf, erfc": lambda t, a, b, c: a * torch.erf(b * (t - c)) + torch.erfc((t - a) / b) + torch.special.ndtr(c * t),
    "expm1, log1p": lambda t, a, b, c: (
        torch.expm1(-a * t) + torch.log1p(b * t) * torch.log2(c * t) + torch.log10(a * t)
    ),
    "softplus, relu": lambda t, a, b, c: F.softplus(30 * a * (t - b)) + F.relu(c * t - 1) + torch.logaddexp(a * t, b),
    "addcmul, addcdiv, lerp": lambda t, a, b, c: (
        torch.addcmul(a, b, t, value=3) + torch.addcdiv(a, b, t) + a.lerp(b, c)
    ),
    "sigmoid": lambda t, a, b, c: a * torch.sigmoid(b * (t - c)),
    "abs, sign, floor": lambda t, a, b, c: (a - t).abs() + torch.sign(b - t) * c + torch.floor(3 * a * t) * c,
    "clamp, maximum": lambda t, a, b, c: (a * t).clamp(0.5, 2) + torch.maximum(b * t, c) + torch.minimum(a, b * t),
    "where": lambda t, a, b, c: torch.where((t > a) & ~(t >= 2 * b) | (c < t), a * t, torch.where(b <= c, b, c * t)),
    "Gauss": lambda t, a, b, c: a * torch.exp(-(((t - b) / c) ** 2) / 2),
    "constants of the user's": lambda t, a, b, c: (
        a * torch.linspace(0, 1, 19, dtype=t.dtype) + b * math.pi + c * t.sin()
    ),
    "changes in place": lambda t, a, b, c: (a * t).mul_(b).add_(c) * (c * t).sub_(a),
    "some left out": lambda t, a, b, c: a * torch.ones_like(t) + 0 * b,
}


def members(model, starts=STARTS, y=Y):
    data = DataSets(model, T, y, None)
    return data.residuals, Members(starts, list(data.rows), None)


@pytest.mark.parametrize("name", COMPILED)
def test_a_model_is_what_torch_computes(name):
    """The products of derivatives and residuals are compared at five points; a wrong word would show."""
    model, given = members(COMPILED[name])
    found = recorded_model(model, given)
    equations = NormalEquations(found.columns, found.data, found.points)
    x = STARTS.mT.contiguous().mT
    assert is_right(lambda some: equations(x, torch.arange(5), some.args), model, given)


REFUSED = {
    "another operation": lambda t, a, b, c: torch.special.i0(a * t) + b + c,
    "points that depend on each other": lambda t, a, b, c: torch.cumsum(a * t, -1) + b + c,
    "a question to the numbers": lambda t, a, b, c: a * t if float(b.max()) > 0 else c * t,
    "chance": lambda t, a, b, c: a * t + b * torch.rand_like(t) + c,
    "a constant of each row": lambda t, a, b, c: a * t + b * torch.arange(38.0).double().reshape(2, 19) + c,
    "a complaint about two rows": lambda t, a, b, c: {1: a * t}[len(a)],
    "another dtype": lambda t, a, b, c: (a * t).float().double() + b + c,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_kernel_computes_is_left_to_torch(name):
    assert recorded_model(*members(REFUSED[name])) is None


@pytest.mark.parametrize("points", [1, 64, 150])
def test_any_number_of_points_and_fits(points):
    """Points are summed in blocks of 64; there are more fits than a vector has lanes, or fewer."""
    t = torch.linspace(0.2, 3, points, dtype=torch.float64)
    starts = 0.7 + torch.rand(21, 2, dtype=torch.float64, generator=GENERATOR)
    y = torch.rand(21, points, dtype=torch.float64, generator=GENERATOR)
    data = DataSets(lambda t, a, b: a * torch.exp(-b * t), t, y, None)
    fits = least_squares_rows.CompiledFits(
        recorded_model(data.residuals, Members(starts, list(data.rows), None)), 1e-9, 9
    )
    for rows in (slice(0, 21), slice(20, 21)):
        a, b = starts[rows, :1], starts[rows, 1:]
        slope = torch.exp(-b * t)
        columns = torch.stack([slope, -a * t * slope, a * slope - y[rows]], 1)
        assert_close(fits.grams(Members(starts[rows], [y[rows]], None)), columns @ columns.mT, rtol=1e-12, atol=1e-12)


def test_derivatives_divide_once_by_each_number():
    """The residual of a Lorentzian keeps its two quotients; derivatives have a reciprocal of each denominator."""
    model, given = members(lambda t, a, b, c: a / (1 + ((t - b) / c) ** 2))
    quotients = [
        node for node in walk(*recorded_model(model, given).columns) if getattr(node, "op", None) is OPS["divide"]
    ]
    assert [(node.operands[0].value) for node in quotients if isinstance(node.operands[0], Constant)] == [1.0, 1.0]
    assert len(quotients) == 4


def test_a_wrong_word_is_not_believed(monkeypatch):
    monkeypatch.setitem(WORDS, "exp", lambda a: exp(a) * 1.001)
    model, given = members(COMPILED["Gauss"])
    found = recorded_model(model, given)
    assert not is_right(least_squares_rows.CompiledFits(found, 1e-9, 9).grams, model, given)


@pytest.mark.filterwarnings("ignore:1 of 30 fits:RuntimeWarning")
@pytest.mark.parametrize("bounds", [None, (0.75, 1.6)])
def test_fits_are_those_of_torch(monkeypatch, bounds):
    """With and without a kernel: 30 fits, one of which has no minimum."""
    y = COMPILED["Gauss"](T, *(column[:, None] for column in STARTS.repeat(6, 1).unbind(1)))
    y = y + 0.02 * torch.randn(30, 19, dtype=torch.float64, generator=GENERATOR)
    y[3] = 1e200
    options = {"batched": True, "full_output": True, "bounds": bounds, "tolerance": 1e-13}
    compiled = curve_fit(COMPILED["Gauss"], T, y, [1.0, 1.0, 1.0], **options)
    monkeypatch.setattr(least_squares_rows, "recorded_model", lambda *_: None)
    plain = curve_fit(COMPILED["Gauss"], T, y, [1.0, 1.0, 1.0], **options)
    success = compiled[2]["success"]
    assert torch.equal(success, plain[2]["success"])
    assert bool(success[4:].all())
    assert_close(compiled[0][success], plain[0][success], rtol=1e-6, atol=1e-6)
    assert_close(compiled[1][success], plain[1][success], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("bounds", [None, (0.75, 1.5)])
def test_fits_of_float32_data_are_those_of_float64_rounded(bounds):
    model, points = COMPILED["Gauss"], T.float()
    data = model(T, *(column[:, None] for column in STARTS.unbind(1))) + 0.02 * torch.sin(40 * T)
    options = {"p0": [1.0, 1.0, 1.0], "bounds": bounds, "batched": True}
    found = curve_fit(model, points, data.float(), **options)
    exact = curve_fit(model, points.double(), data.float().double(), **options)
    for of_float32, of_float64 in zip(found, exact, strict=True):
        assert of_float32.dtype is torch.float32
        assert torch.equal(of_float32, of_float64.float())


def test_another_number_in_a_model_needs_no_other_kernel():
    """Only numbers such as 2 and 0.5 are part of a kernel."""
    from thalweg.engine.llvm.closure_methods import whole_fits

    def kernel(number):
        model, given = members(lambda t, a, b, c: a * torch.exp(-b * number * t) + c)
        least_squares_rows.CompiledFits(recorded_model(model, given), 1e-9, 9)
        return whole_fits.compiled.cache_info().misses

    assert kernel(0.123) == kernel(4.56)


SPREAD = np.concatenate((np.linspace(-10, 10, 4001), np.geomspace(1e-12, 2.0**50, 4001), np.arange(4000) * np.pi / 4))
BETWEEN = np.linspace(-1, 1, 8001)
POSITIVE = np.concatenate((np.exp(np.linspace(-745, 709, 8001)), 1 + BETWEEN * 1e-6, 1 + BETWEEN * 1e-12))
POWERS = np.concatenate((np.linspace(-1, 1, 8001), np.linspace(-7e8, 7e8, 8001), np.linspace(-7e14, 7e14, 8001)))
SMALL = np.concatenate((SPREAD[SPREAD < 700], -SPREAD[SPREAD < 700]))

FUNCTIONS = {
    "exp": (2, np.exp, np.linspace(-750, 715, 40_001)),
    "log": (2, np.log, POSITIVE),
    "expm1": (2, np.expm1, np.concatenate((np.linspace(-800, 715, 8001), SMALL))),
    "log1p": (4, np.log1p, np.concatenate((POSITIVE, BETWEEN[1:], BETWEEN * 1e-6))),
    "log2": (4, np.log2, POSITIVE),
    "log10": (4, np.log10, POSITIVE),
    "exp2": (2, np.exp2, np.linspace(-1080, 1030, 8001)),
    "pow": (2, np.power, POSITIVE, POWERS),
    "sin": (1, np.sin, SPREAD),
    "cos": (1, np.cos, SPREAD),
    "tan": (3, np.tan, SPREAD),
    "sinh": (4, np.sinh, SMALL),
    "cosh": (4, np.cosh, SMALL),
    "tanh": (4, np.tanh, SMALL),
    "asin": (4, np.arcsin, BETWEEN),
    "acos": (4, np.arccos, BETWEEN),
    "atan": (3, np.arctan, SPREAD),
    "erf": (2, np.vectorize(math.erf), SMALL),
    "erfc": (5, np.vectorize(math.erfc), np.linspace(-7, 26, 8001)),
}
"""How many units in the last place a function may be off, the right one, and where it is looked at."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_as_right_as_they_say(name):
    """Against long doubles; where NumPy has none, against the C library, which may be off by a unit itself."""
    units, theirs, *numbers = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        exact = numbers if isinstance(theirs, np.vectorize) else [each.astype(np.longdouble) for each in numbers]
        right = theirs(*exact)
        unit = np.spacing(np.abs(right.astype(np.float64)))
        error = np.abs((values(WORDS[name], *numbers) - right) / unit)[np.isfinite(unit)]
    assert error.max() <= units + isinstance(theirs, np.vectorize)


def values(word, *numbers):
    """Compute a function by a kernel: the product of 1 and the function at one point."""
    n = len(numbers)
    given = [Symbol(PARAMETER, "element", place) for place in range(n)]
    kernel = NormalEquations([Constant(1.0)] * n + [word(*given)], 1, [])
    x = torch.from_numpy(np.stack(numbers, 1)).mT.contiguous().mT
    nothing = torch.zeros(len(x), 1, dtype=torch.float64)
    return kernel(x, torch.arange(len(x)), [nothing])[:, 0, n].numpy()


def test_functions_at_the_ends():
    ends = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, -1.0])
    with np.errstate(all="ignore"):
        for name in ("log", "log1p", "tanh", "erf", "erfc", "sinh", "cosh", "sin", "cos"):
            theirs = FUNCTIONS[name][1]
            np.testing.assert_allclose(values(WORDS[name], ends), theirs(ends).astype(float), 4e-16, err_msg=name)
        np.testing.assert_allclose(values(exp, ends), np.exp(ends), 4e-16)


def test_powers_at_the_ends():
    """Zeros, infinities, NaN and negative numbers are raised as C does it."""
    some = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, -3.0, 2.5, math.inf, -math.inf, math.nan])
    x, y = (each.ravel() for each in np.meshgrid(some, some))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(values(WORDS["pow"], x, y), np.power(x, y), 4e-16)


def powers_of_a_point(base, exponents):
    """Compute powers of a number that all fits share, whose logarithm is known before."""
    points = [torch.tensor([base], dtype=torch.float64)]
    power = WORDS["pow"](Symbol(POINT, "element", 0), Symbol(PARAMETER, "element", 0))
    columns = with_known_logarithms([Constant(1.0), power], points)
    assert len(points) == (3 if base > 0 else 1)
    nothing = torch.zeros(len(exponents), 1, dtype=torch.float64)
    starts = torch.from_numpy(exponents)[:, None]
    return NormalEquations(columns, 1, points)(starts, torch.arange(len(starts)), [nothing])[:, 0, 1].numpy()


@pytest.mark.parametrize("ends", [False, True], ids=["inside", "at the ends"])
def test_powers_of_points_are_as_right_as_all_powers(ends):
    bases = [1e-310, 0.1, 1 - 1e-12, 1.0, 1 + 1e-6, 2.0, 7.3, 1e300, *([0.0, -2.0] if ends else [])]
    for base in bases:
        largest = 745 / abs(math.log(base)) if base > 0 and base != 1 else 5.0
        exponents = np.array([0.0, 1.0, -3.0, 1e9, -1e300]) if ends else np.linspace(-largest, largest, 4001)
        with np.errstate(all="ignore"):
            right = np.power(np.longdouble(base), exponents.astype(np.longdouble))
            found, unit = powers_of_a_point(base, exponents), np.spacing(np.abs(right.astype(np.float64)))
            error = np.where(found == right, 0, np.abs(found - right) / unit)
            is_finite = np.isfinite(right.astype(np.float64))
        assert np.nanmax(error) <= 2, base
        np.testing.assert_array_equal(np.isfinite(found), is_finite)


def test_angles_without_digits_are_none():
    """Above 2^50 a step from one number to the next is a good part of a turn."""
    assert np.isnan(values(WORDS["sin"], np.array([1e16, -1e300, math.inf]))).all()


def test_words_have_names_of_torch():
    """A name that torch does not have would never be met."""
    assert [name for name in model_words.WORDS if not hasattr(torch.ops.aten, name)] == []
