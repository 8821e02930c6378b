"""A test that asks for `cls` runs for each optimizer; one that asks for `options` too, with each switch on and off.

The marks `elementwise` and `layerwise` leave out those that need more. One that asks for `sparse_cls` runs for those
that take sparse gradients; `cls` are those that take dense ones.

`required` are the options that a class cannot do without.
"""

from itertools import chain, combinations

import pytest
import torch

import thalweg  # noqa: F401  (fills the registry)
from thalweg.hyper import REQUIRED
from thalweg.optimizer import Optimizer, registry

KINDS = ("elementwise", "layerwise", "modelwise")
"""Each may need more than the one before: its own element, the whole parameter, all parameters."""

OURS = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.optimizers.")]
CATALOGUE = [cls for cls in OURS if torch.strided in cls.layouts and cls.__module__.split(".")[2] in KINDS]
SPARSE = [cls for cls in OURS if torch.sparse_coo in cls.layouts]


def needed(cls):
    return {name: 0.05 for name, option in cls.options.items() if option.default is REQUIRED}


def variants(cls):
    """Every combination of the options that are off by default, where the class accepts it."""
    switches = {
        name: True if option.default is False else 0.25
        for name, option in cls.options.items()
        if name not in {*Optimizer.options, *Optimizer.around} and option.default in (0, False)
    }
    for names in chain.from_iterable(combinations(switches, size) for size in range(len(switches) + 1)):
        options = needed(cls) | {name: switches[name] for name in names}
        try:
            cls([torch.zeros(1)], **options)
        except ValueError:
            continue
        yield pytest.param(cls, options, id="-".join((cls.__name__, *names)))


def concerned(test):
    """List the optimizers that a test is for: those that a mark names, or all."""
    marked = [place for place, kind in enumerate(KINDS) if test.get_closest_marker(kind)]
    kinds = KINDS[: marked[0] + 1] if marked else KINDS
    return [cls for cls in CATALOGUE if cls.__module__.split(".")[2] in kinds]


def pytest_generate_tests(metafunc):
    classes = concerned(metafunc.definition)
    if {"cls", "options"} <= set(metafunc.fixturenames):
        metafunc.parametrize("cls, options", list(chain.from_iterable(map(variants, classes))))
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
