"""Models that are compiled give the fits that torch gives, and what cannot be compiled is left to torch."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from thalweg.engine.llvm.normal_equations import PARAMETER, NormalEquations
from thalweg.formula.expr import Constant, Symbol
from thalweg.optimizers.closure import curve_fit
from thalweg.optimizers.closure.as_scipy.curve_fit import DataSets
from thalweg.optimizers.closure.batches import least_squares_rows, model_words
from thalweg.optimizers.closure.batches.members import Members
from thalweg.optimizers.closure.batches.model_words import WORDS, exp, log
from thalweg.optimizers.closure.batches.recorded_model import is_right, recorded_model

T = torch.linspace(0.2, 3, 19, dtype=torch.float64)
GENERATOR = torch.Generator().manual_seed(7)
STARTS = 0.7 + torch.rand(5, 3, dtype=torch.float64, generator=GENERATOR)
Y = torch.rand(5, 19, dtype=torch.float64, generator=GENERATOR)

COMPILED = {
    "add, sub, mul, div": lambda t, a, b, c: (a + 2 * t - b) * c / (t + a) + torch.add(a, b, alpha=3) - (1 - a),
    "exp, log, sqrt": lambda t, a, b, c: torch.exp(-a * t) + torch.log(b + t) * torch.sqrt(c + t),
    "rsqrt, reciprocal, square": lambda t, a, b, c: torch.rsqrt(a + t) + torch.reciprocal(b + t) + torch.square(c * t),
    "powers": lambda t, a, b, c: (a + t) ** 3 + (b * t) ** -2 + (c + t) ** 0.5 + (a + t) ** 1.5 + b**0 + c**1,
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
    "any power": lambda t, a, b, c: a * t**b + c,
    "a question to the numbers": lambda t, a, b, c: a * t if float(b.max()) > 0 else c * t,
    "chance": lambda t, a, b, c: a * t + b * torch.rand_like(t) + c,
    "a constant of each row": lambda t, a, b, c: a * t + b * torch.arange(38.0).double().reshape(2, 19) + c,
    "a complaint about two rows": lambda t, a, b, c: {1: a * t}[len(a)],
    "another dtype": lambda t, a, b, c: (a * t).float().double() + b + c,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_kernel_computes_is_left_to_torch(name):
    assert recorded_model(*members(REFUSED[name])) is None


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


def test_another_number_in_a_model_needs_no_other_kernel():
    """Only numbers such as 2 and 0.5 are part of a kernel."""
    from thalweg.engine.llvm import whole_fits

    def kernel(number):
        model, given = members(lambda t, a, b, c: a * torch.exp(-b * number * t) + c)
        least_squares_rows.CompiledFits(recorded_model(model, given), 1e-9, 9)
        return whole_fits.compiled.cache_info().misses

    assert kernel(0.123) == kernel(4.56)


@pytest.mark.parametrize(("word", "theirs", "low", "high"), [(exp, np.exp, -750, 715), (log, np.log, -745, 709)])
def test_functions_are_right_to_two_units(word, theirs, low, high):
    """Against long doubles; logarithms of numbers between the least and the largest."""
    x = np.linspace(low, high, 40_001)
    x = x if word is exp else np.concatenate((np.exp(x), 1 + x * 1e-6, 1 + x * 1e-12))
    with np.errstate(all="ignore"):
        right = theirs(x.astype(np.longdouble))
        unit = np.spacing(np.abs(right.astype(np.float64)))
        error = np.abs((values(word, x) - right) / unit)[np.isfinite(unit)]
    assert error.max() <= 2


def values(word, x):
    """Compute a function by a kernel: the product of 1 and the function at one point."""
    kernel = NormalEquations([Constant(1.0), word(Symbol(PARAMETER, "element", 0))], 1, [])
    numbers = torch.from_numpy(x).reshape(-1, 1)
    nothing = torch.zeros(len(x), 1, dtype=torch.float64)
    return kernel(numbers, torch.arange(len(x)), [nothing])[:, 0, 1].numpy()


def test_functions_at_the_ends():
    ends = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, -1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(values(log, ends), np.log(ends))
        np.testing.assert_array_equal(values(exp, ends), np.array([1, 1, math.inf, 0, math.nan, values(exp, ends)[5]]))


def test_words_have_names_of_torch():
    """A name that torch does not have would never be met."""
    assert [name for name in model_words.WORDS if not hasattr(torch.ops.aten, name)] == []
