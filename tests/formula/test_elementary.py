"""Exponentials, roots and angles: near the truth as Python's decimals have it, and with the same bits everywhere."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from tests.engine.llvm.test_bits import check_steps
from thalweg import Optimizer
from thalweg.formula import atan2, cbrt, cos, exp, log, power_of_element, sigmoid, softplus, tanh
from thalweg.hyper import NonNegative

RNG = np.random.default_rng(0)
SIGNS = RNG.choice([-1.0, 1.0], 300)
REACH = {torch.float32: 80.0, torch.float64: 700.0}
"""How far the logarithms of numbers may be from zero, so that they are normal."""


def exact_tanh(x):
    grown = (2 * x).exp()
    return (grown - 1) / (grown + 1)


def exact_root(x):
    return (abs(x) ** (Decimal(1) / 3)).copy_sign(x)


def plain_softplus(x):
    return softplus(x, 1)


def quarter_power(x):
    return power_of_element(x, 0.25)


WORDS = {
    "exp": (exp, lambda x: x.exp(), lambda reach: RNG.uniform(-reach, reach, 300), 2),
    "log": (log, lambda x: x.ln(), lambda reach: np.exp(RNG.uniform(-reach, reach, 300)), 2),
    "log near 1": (log, lambda x: x.ln(), lambda reach: RNG.uniform(0.6, 1.6, 300), 2),
    "tanh": (tanh, exact_tanh, lambda reach: SIGNS * np.exp(RNG.uniform(-20, 3, 300)), 4),
    "sigmoid": (sigmoid, lambda x: 1 / (1 + (-x).exp()), lambda reach: np.exp(RNG.uniform(-20, 4, 300)), 4),
    "softplus": (
        plain_softplus,
        lambda x: (1 + x.exp()).ln(),
        lambda reach: SIGNS * np.exp(RNG.uniform(-20, 4, 300)),
        4,
    ),
    "power": (
        quarter_power,
        lambda x: x ** Decimal("0.25"),
        lambda reach: np.exp(RNG.uniform(-8, 8, 300)),
        6,
    ),
    "cbrt": (cbrt, exact_root, lambda reach: SIGNS * np.exp(RNG.uniform(-reach, reach, 300)), 1),
}


@pytest.mark.parametrize("dtype", REACH, ids=str)
@pytest.mark.parametrize(("word", "exact", "sample", "units"), WORDS.values(), ids=WORDS)
def test_a_word_is_as_near_as_it_says(word, exact, sample, units, dtype):
    getcontext().prec = 40
    x = torch.from_numpy(sample(REACH[dtype])).to(dtype)
    got = word(x)
    assert got.dtype is dtype
    for ours, number in zip(got.tolist(), x.tolist(), strict=True):
        truth = exact(Decimal(number))
        last_place = np.spacing(np.array(abs(float(truth))).astype(got.numpy().dtype))
        assert abs(Decimal(ours) - truth) <= units * Decimal(float(last_place)), number


@pytest.mark.parametrize("dtype", REACH, ids=str)
def test_an_angle_is_as_near_as_it_says(dtype):
    y, x = (torch.from_numpy(RNG.normal(size=2000) * np.exp(RNG.uniform(-9, 9, 2000))).to(dtype) for _ in range(2))
    truth = np.array([math.atan2(a, b) for a, b in zip(y.tolist(), x.tolist(), strict=True)])
    last_place = np.spacing(np.abs(truth).astype(y.numpy().dtype)).astype(float)
    # Python's own is off by half a unit of a float64
    assert (np.abs(atan2(y, x).numpy() - truth) <= 3 * last_place + 0.5 * np.spacing(np.abs(truth))).all()


@pytest.mark.parametrize("dtype", REACH, ids=str)
def test_a_cosine_is_as_near_as_it_says(dtype):
    x = torch.from_numpy(np.concatenate([RNG.uniform(-8, 8, 1000), RNG.uniform(-600, 600, 1000)])).to(dtype)
    truth = np.array([math.cos(angle) for angle in x.tolist()])
    # the angle's own rounding, and two of a number below 1
    allowed = np.spacing(np.abs(x.numpy())).astype(float) + 2 * np.spacing(np.ones(1, x.numpy().dtype)[0])
    assert (np.abs(cos(x).numpy() - truth) <= allowed).all()
    assert [cos(angle) for angle in (0.0, math.pi / 3)] == pytest.approx([1.0, 0.5], abs=1e-15)


SPECIAL = [
    (exp, [0.0, 1e4, -1e4, math.inf, -math.inf], [1.0, math.inf, 0.0, math.inf, 0.0]),
    (log, [0.0, 1.0, math.inf], [-math.inf, 0.0, math.inf]),
    (tanh, [0.0, 1e-30, 99.0, math.inf, -math.inf], [0.0, 1e-30, 1.0, 1.0, -1.0]),
    (sigmoid, [0.0, 99.0, -99.0, math.inf, -math.inf], [0.5, 1.0, 0.0, 1.0, 0.0]),
    (plain_softplus, [1e4, -math.inf, math.inf], [1e4, softplus(-80.0, 1), math.inf]),
    (quarter_power, [0.0, 1.0, 16.0, math.inf], [0.0, 1.0, 2.0, math.inf]),
    (cbrt, [0.0, -8.0, 27.0, math.inf, -math.inf], [0.0, -2.0, 3.0, math.inf, -math.inf]),
]


@pytest.mark.parametrize(("word", "given", "wanted"), SPECIAL)
def test_ends_are_the_limits(word, given, wanted):
    for dtype in REACH:
        assert torch.equal(word(torch.tensor(given, dtype=dtype)), torch.tensor(wanted, dtype=dtype))
    assert [word(number) for number in given] == wanted
    assert math.isnan(word(math.nan))
    assert math.isnan(log(-1.0))
    assert math.isnan(power_of_element(-1.0, 2.5))


class Products(TorchFunctionMode):
    """Note how small the products of numbers become that are not zero."""

    smallest = math.inf

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        if function.__name__ in ("mul", "__mul__", "__rmul__"):
            sizes = torch.as_tensor(result).abs()[torch.as_tensor(args[0]) != 0]
            self.smallest = min(self.smallest, *sizes.tolist())
        return result


def test_no_product_in_a_softplus_is_nearly_zero():
    # the squares of such numbers were: for SAdam's large mean squares, a step took 51 us in place of 6
    with Products() as products:
        softplus(torch.linspace(0.001, 200, 400), 1)
    assert torch.finfo(torch.float32).tiny < products.smallest < 1e-17


def test_angles_at_the_axes():
    given = [(0.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (math.inf, math.inf), (1.0, -math.inf)]
    assert [atan2(y, x) for y, x in given] == [math.atan2(y, x) for y, x in given]
    assert math.isnan(atan2(math.nan, 1.0))
    assert math.isnan(atan2(1.0, math.nan))


@pytest.mark.parametrize("dtype", REACH, ids=str)
def test_a_kernels_bits_are_numpys(dtype):
    class Elementary(Optimizer):
        lr: NonNegative = 0.1

        def update(self, param, grad):
            return param - exp(self.lr) * (
                exp(param)
                + log(grad)
                + power_of_element(grad, 0.3)
                + tanh(param)
                + softplus(param, 50)
                + cbrt(grad)
                + atan2(grad, param)
                + cos(grad)
            )

    check_steps(Elementary, {}, dtype, places=((1, 0), (300, 1)))
