"""A test that asks for `cls` runs for one optimizer of each set of traits; marked `every`, for each optimizer.

One that asks for `options` too runs with any two of the class's options on, off and together, once a formula.
"""

from functools import cache
from pathlib import Path

import pytest
import torch

import thalweg
from thalweg.engine.eager import reference
from thalweg.engine.launches import launch
from thalweg.engine.llvm.looking import inside_tensors
from thalweg.formula.graph.expr import walk
from thalweg.formula.rule.facts import known
from thalweg.formula.tracing.trace import formula_of
from thalweg.hyper import REQUIRED
from thalweg.optimizer import Optimizer, registry

from ..covering import covering
from ..traits import one_of_each
from .apart import call_apart

ROOT = Path(__file__).parents[2]

KINDS = tuple(f"thalweg.optimizers.{kind}." for kind in ("elementwise", "layerwise", "modelwise"))
CATALOGUE = [cls for cls in registry.values() if cls.__module__.startswith(KINDS) and torch.strided in cls.layouts]


def choices(option):
    """What an option may be: switches on and off, numbers away from zero and zero."""
    if option.rule is bool:
        return False, True
    if isinstance(option.default, tuple):
        return (option.default,)
    return (0.05 if option.default is REQUIRED else option.default or 0.25), 0


@cache
def variants(cls):
    """Find options for each formula that a class has; every test of all of them asks."""
    names = [name for name in cls.options if name not in {*Optimizer.options, *Optimizer.around}] + ["maximize"]
    together = covering({name: choices(cls.options[name]) for name in names}, lambda values: group_of(cls, values))
    found = {formula_of(cls.rule, group_of(cls, options)): options for options in reversed(together)}
    return [pytest.param(cls, options, id=_told(cls, options)) for options in found.values()]


def plainest_and_fullest(cls):
    """Choose the formula of the fewest operations, and that of the most."""
    found = sorted(variants(cls), key=lambda variant: len(list(walk(*formula_of_variant(variant).outputs.values()))))
    return [found[0], *found[1:][-1:]]


def formula_of_variant(variant):
    cls, options = variant.values
    return formula_of(cls.rule, group_of(cls, options))


def _told(cls, options):
    changed = [name for name, value in options.items() if value and not cls.options[name].default]
    return "-".join((cls.__name__, *changed))


def group_of(cls, options):
    """Make a group with these options, and what is known of its parameter; None where they do not go together."""
    param = torch.zeros(1)
    try:
        return known(cls, param, cls([param], **options).param_groups[0])
    except ValueError:
        return None


def pytest_generate_tests(metafunc):
    classes = CATALOGUE if metafunc.definition.get_closest_marker("every") else one_of_each(CATALOGUE)
    if {"cls", "options"} <= set(metafunc.fixturenames):
        chosen = variants if len(classes) == len(CATALOGUE) else plainest_and_fullest
        metafunc.parametrize("cls, options", [variant for cls in classes for variant in chosen(cls)])
    elif "cls" in metafunc.fixturenames:
        metafunc.parametrize("cls", classes, ids=lambda cls: cls.__name__)


class Lockstep:
    """One training twice: on kernels, and on the eager engine."""

    def __init__(self, make):
        self.pair = [_same_start(make, "auto"), _same_start(make, "eager")]

    def each(self, change):
        """Do the same to both."""
        seed = torch.randint(1000, ()).item()
        for optimizer in self.pair:
            torch.manual_seed(seed)
            change(optimizer)
        self.check()

    def step(self, chosen=lambda index: True, laid_out=torch.clone):
        """Step both with the same new gradients, for some of the parameters."""
        for index, params in enumerate(zip(*map(all_params, self.pair), strict=True)):
            gradient = torch.randn(params[0].shape, dtype=params[0].dtype) if chosen(index) else None
            for param in params:
                param.grad = None if gradient is None else laid_out(gradient.to(param.device))
        self.step_again()

    def step_again(self):
        """Step both with the gradients that are there."""
        for optimizer in self.pair:
            optimizer.step()
        self.check()

    def check(self):
        """Compare all numbers: those of a formula are regrouped, which moves a result by a few ulp.

        Where sums feed a step, elements of any size have roundings of the largest one of their tensor: a step of its
        size may take one near zero. Then let both go on from the same ones, so that each step is compared by itself.
        """
        for params in zip(*map(all_params, self.pair), strict=True):
            found, wanted = (
                {
                    name: value.cpu()
                    for name, value in ({"param": param.detach()} | optimizer.state.get(param, {})).items()
                }
                for optimizer, param in zip(self.pair, params, strict=True)
            )
            assert found.keys() == wanted.keys()
            # A state may be coarser than its parameter.
            precision = 16 * max(torch.finfo(value.dtype).eps for value in found.values())
            has_sums = not type(self.pair[0]).__module__.startswith("thalweg.optimizers.elementwise.")
            for name, value in found.items():
                size = float(wanted[name].nan_to_num(0, 0, 0).abs().max()) if has_sums and value.numel() else 1
                assert_near(value, wanted[name], rtol=precision, atol=precision * max(size, 1))
                with torch.no_grad():
                    value.copy_(wanted[name])


def assert_near(found, wanted, **allowed):
    """Compare; what differs is then worded by torch's own comparison, which takes ten times as long."""
    alike = (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    if not alike or not torch.allclose(found, wanted, equal_nan=True, **allowed):
        torch.testing.assert_close(found, wanted, equal_nan=True, **allowed)


def _same_start(make, engine):
    torch.manual_seed(0)
    return make(engine)


def all_params(optimizer):
    return [param for group in optimizer.param_groups for param in group["params"]]


@pytest.fixture
def lockstep():
    return Lockstep


@pytest.fixture(params=["one call", "a look, then the launch", "looking in Python"])
def pair(lockstep, monkeypatch, request):
    """Two Adams that have taken two steps; with each way to look at the tensors before a step."""
    if request.param == "a look, then the launch":
        monkeypatch.setattr(launch, "ALONE", 0)
    if request.param == "looking in Python":
        monkeypatch.setattr(inside_tensors, "is_possible", lambda: False)

    def make(engine):
        shapes = [(3, 3), (3, 3), (5,), (2, 2)]
        one, other, third, fourth = (torch.nn.Parameter(torch.randn(shape)) for shape in shapes)
        return thalweg.Adam([{"params": [one, other]}, {"params": [third, fourth], "lr": 0.5}], engine=engine)

    pair = lockstep(make)
    pair.step()
    pair.step_again()
    return pair


@pytest.fixture
def counted(monkeypatch):
    """Give a list that grows with each call of a function."""

    def count(owner, name):
        calls, function = [], getattr(owner, name)

        def call(*arguments, **keywords):
            calls.append(arguments)
            return function(*arguments, **keywords)

        monkeypatch.setattr(owner, name, call)
        return calls

    return count


@pytest.fixture
def apart():
    """Call a function of a test module in a process of its own; what ends that process fails the test."""
    return call_apart


@pytest.fixture
def _compiled_only(monkeypatch):
    """Fail where a parameter is left to the eager engine."""

    def refuse(optimizer, ready):
        pytest.fail(f"the eager engine was to update {len(ready)} parameters")

    monkeypatch.setattr(reference, "step", refuse)
