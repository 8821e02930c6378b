"""A test that asks for `cls` and `options` runs for each formula of each optimizer; none touches the user's cache."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch

import thalweg  # noqa: F401  (fills the registry)
from thalweg.engine import eager
from thalweg.formula.trace import formula_of
from thalweg.hyper import REQUIRED
from thalweg.optimizer import registry

ROOT = Path(__file__).parents[2]

CATALOGUE = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.")]


def choices(option):
    """What an option may be: switches on and off, numbers away from zero and zero."""
    if option.rule is bool:
        return False, True
    if isinstance(option.default, tuple):
        return (option.default,)
    return (0.05 if option.default is REQUIRED else option.default or 0.25), 0


def variants(cls):
    """Find options for each formula that a class has."""
    names = [name for name, option in cls.options.items() if not option.keyword_only] + ["maximize"]
    found = {}
    for values in product(*(choices(cls.options[name]) for name in names)):
        options = dict(zip(names, values, strict=True))
        try:
            group = cls([torch.zeros(1)], **options).param_groups[0]
        except ValueError:
            continue
        found.setdefault(formula_of(cls.rule, group), options)
    for options in found.values():
        changed = [name for name, value in options.items() if value and not cls.options[name].default]
        yield pytest.param(cls, options, id="-".join((cls.__name__, *changed)))


def pytest_generate_tests(metafunc):
    if {"cls", "options"} <= set(metafunc.fixturenames):
        metafunc.parametrize("cls, options", [variant for cls in CATALOGUE for variant in variants(cls)])
    elif "cls" in metafunc.fixturenames:
        metafunc.parametrize("cls", CATALOGUE, ids=lambda cls: cls.__name__)


@pytest.fixture(autouse=True, scope="session")
def _cache_of_these_tests(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THALWEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def apart():
    """Call a function of a test module in a process of its own; what ends that process fails the test."""

    def call(function, *arguments):
        code = f"from {function.__module__} import {function.__name__} as f; f(*{arguments!r})"
        command = [sys.executable, "-X", "faulthandler", "-W", "error", "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


@pytest.fixture
def _compiled_only(monkeypatch):
    """Fail where a parameter is left to the eager engine."""

    def refuse(optimizer, ready):
        pytest.fail(f"the eager engine was to update {len(ready)} parameters")

    monkeypatch.setattr(eager, "step", refuse)
