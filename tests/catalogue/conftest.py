"""A test that asks for `cls` runs for one optimizer of each set of traits; marked `every`, for each optimizer.

One that asks for `torchs`, the class of the same name in torch.optim, runs for all that torch.optim has.
One that asks for `options` too runs with the class's switches off, and with as many of them on as go together; where
the class is one of every, with any two of them together. The marks `elementwise` and `layerwise` leave out those that
need more. One that asks for `sparse_cls` runs for those that take sparse gradients; `cls` are those that take dense
ones.

`required` are the options that a class cannot do without.
"""

from functools import cache
from itertools import chain

import pytest
import torch

from thalweg.hyper import REQUIRED
from thalweg.optimizer import Optimizer, registry

from ..covering import covering
from ..traits import kind, knows_its_place, one_of_each

KINDS = ("elementwise", "layerwise", "modelwise")
"""Each may need more than the one before: its own element, the whole parameter, all parameters."""

OURS = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.optimizers.")]
CATALOGUE = [cls for cls in OURS if torch.strided in cls.layouts and kind(cls) in KINDS]
TORCHS = {name.lower(): getattr(torch.optim, name) for name in torch.optim.__all__}
SPARSE = [cls for cls in OURS if torch.sparse_coo in cls.layouts]


AT_ONCE = {"keep_num": 1}
"""Options with which a rule steps as soon as it has seen a gradient, where it would wait for more."""


def needed(cls):
    early = {name: value for name, value in AT_ONCE.items() if name in cls.options}
    return early | {name: 0.05 for name, option in cls.options.items() if option.default is REQUIRED}


@cache
def variants(cls):
    """Combine the options that are off by default, where the class accepts it; every test of all of them asks."""
    switches = {
        name: (False, True) if option.default is False else (0, 0.25)
        for name, option in cls.options.items()
        if name not in {*Optimizer.options, *Optimizer.around} and option.default in (0, False)
    }
    chosen = map(on, covering(switches, lambda values: is_accepted(cls, needed(cls) | on(values))))
    return [pytest.param(cls, needed(cls) | found, id="-".join((cls.__name__, *found))) for found in chosen]


def plainest_and_fullest(cls):
    """Choose of all combinations the one with the fewest options on, and the one with the most."""
    plainest, *others = variants(cls)
    return [plainest, *sorted(others, key=lambda variant: len(variant.values[1]))[-1:]]


def on(values):
    return {name: value for name, value in values.items() if value}


def is_accepted(cls, options):
    try:
        cls([torch.zeros(1)], **options)
    except ValueError:
        return False
    return True


def concerned(test, asked):
    """List the optimizers that a test is for: those of the kinds that a mark names, or of all."""
    if "torchs" in asked:
        return [cls for cls in CATALOGUE if cls.__name__.lower() in TORCHS]
    marked = [place for place, name in enumerate(KINDS) if test.get_closest_marker(name)]
    found = [cls for cls in CATALOGUE if kind(cls) in (KINDS[: marked[0] + 1] if marked else KINDS)]
    found = [cls for cls in found if not (marked and knows_its_place(cls))]
    return found if test.get_closest_marker("every") else one_of_each(found)


def pytest_generate_tests(metafunc):
    classes = concerned(metafunc.definition, metafunc.fixturenames)
    if {"cls", "options"} <= set(metafunc.fixturenames):
        every = metafunc.definition.get_closest_marker("every") or "torchs" in metafunc.fixturenames
        found = map(variants if every else plainest_and_fullest, classes)
        metafunc.parametrize("cls, options", list(chain.from_iterable(found)))
    elif "cls" in metafunc.fixturenames:
        metafunc.parametrize("cls", classes, ids=lambda cls: cls.__name__)
    if {"sparse_cls", "options"} <= set(metafunc.fixturenames):
        found = [variant for cls in SPARSE for variant in variants(cls) if not variant.values[1].get("weight_decay")]
        metafunc.parametrize("sparse_cls, options", found)
    elif "sparse_cls" in metafunc.fixturenames:
        metafunc.parametrize("sparse_cls", SPARSE, ids=lambda cls: cls.__name__)


@pytest.fixture
def required(cls):
    return needed(cls)


@pytest.fixture
def torchs(cls):
    return TORCHS[cls.__name__.lower()]
