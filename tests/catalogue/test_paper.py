"""Paper = formula: each `update` against its reference in plain Python floats, in float64."""

from inspect import signature
from math import isfinite

import numpy as np
import pytest
import torch

from tests.papers import REFERENCES
from thalweg.hyper import REQUIRED, Fixed, OneOf, Range, Several

from ..traits import in_turn

STEPS, WEIGHTS = 24, 12


@pytest.fixture(autouse=True)
def _double_precision():
    """One number per parameter (ASGD's eta) is as precise as torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def reference_of(cls):
    return REFERENCES[cls.__name__]


def sampled(rng, option):
    """A value from anywhere in the option's declared range, edges and default included."""
    if isinstance(option.rule, Fixed):
        return option.default
    if option.rule is bool:
        return bool(rng.integers(2))
    if option.default is not REQUIRED and rng.random() < 0.2:
        return option.default
    if isinstance(option.rule, OneOf):
        return option.rule.values[rng.integers(len(option.rule.values))]
    if isinstance(option.rule, Several):
        numbers = [number(rng, allowed) for allowed in option.rule.ranges]
        return tuple(sorted(numbers) if option.rule.ordered else numbers)
    return number(rng, option.rule)


def number(rng, allowed: Range):
    if isfinite(allowed.high):
        return float(rng.choice([allowed.low, 0.5, 0.9, 0.999, rng.random()]))
    if isfinite(allowed.low):
        return float(allowed.low + (rng.random() < 0.8) * 10 ** rng.uniform(-6, 0.5))
    return float(rng.choice([0, rng.uniform(-2, 2), rng.integers(1, STEPS)]))


def sampled_options(rng, cls):
    while True:
        names = cls.options.keys() & signature(reference_of(cls)).parameters.keys()
        options = {name: sampled(rng, cls.options[name]) for name in cls.options if name in names}
        try:
            cls([torch.zeros(1)], **options)
        except ValueError:
            continue
        return options


def sampled_gradients(rng):
    """Zeros, turning signs, and sizes from 1e-12 to 1e12; one weight sees no gradient at all."""
    sizes = 10.0 ** rng.choice([0, 1, 6, 12], WEIGHTS)
    gradients = rng.normal(size=(STEPS, WEIGHTS)) * sizes ** rng.choice([-1, 0, 1], (STEPS, WEIGHTS))
    gradients[rng.random((STEPS, WEIGHTS)) < 0.2] = 0
    gradients[:, 0] = 0
    return gradients


@pytest.mark.every
@pytest.mark.elementwise
@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_paper(cls, seed):
    """On one engine or the other: both have the formula from the same text."""
    rng = np.random.default_rng([seed, len(cls.__name__)])
    options, start, gradients = sampled_options(rng, cls), rng.normal(size=WEIGHTS), sampled_gradients(rng)
    path = walked(cls, options, start, gradients, in_turn(("eager", "auto"), seed))
    for weight in range(WEIGHTS):
        theirs = []
        own = {"place": weight} if "place" in signature(reference_of(cls)).parameters else {}
        reference = reference_of(cls)(float(start[weight]), gradients[:, weight].tolist(), **own, **options)
        try:
            theirs.extend(reference)
        except ZeroDivisionError:  # 0 / 0, which is NaN for tensors
            assert not np.isfinite(path[len(theirs), weight])
        # rounding is as large as the largest number so far: 1e-12 of that, unless the reference has a reason
        scale = np.maximum.accumulate(np.abs([start[weight], *theirs]))[1:]
        differences = np.abs(path[: len(theirs), weight] - np.array(theirs))
        assert (differences <= reference_of(cls).tolerance * scale).all(), options


def walked(cls, options, start, gradients, engine):
    """Give all weights after each step."""
    param = torch.tensor(start)
    optimizer = cls([param], **options, engine=engine)
    path = []
    for gradient in gradients:
        param.grad = torch.from_numpy(gradient)
        optimizer.step()
        path.append(param.tolist())
    return np.array(path)
