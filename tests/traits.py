"""What a rule is to its surroundings: two rules with the same traits meet the same code, whatever they compute."""

import inspect
import math
from functools import cache

import pytest

from thalweg.formula.rule.rule import rule_of
from thalweg.optimizer import Optimizer

METHODS = ("average", "touches_only_gradients", "unfit")


def kind(cls):
    """Name the directory that a rule is in: what its update needs."""
    return cls.__module__.split(".")[2]


@cache
def traits(cls):
    """Tell what there is besides arithmetic: kinds of states, and what the class says of itself."""
    rule = rule_of(cls)
    states = bool(set(rule.states) - rule.scalars), bool(rule.scalars), bool(rule.copies)
    written = frozenset(name for name in METHODS if getattr(cls, name, None) and is_own(cls, name))
    if cls.for_complex:
        # It says in one word which parameters it is not for.
        written |= {"unfit"}
    return kind(cls), states, written, cls.keeps_state_from_start


def is_own(cls, name):
    return inspect.getattr_static(cls, name) is not inspect.getattr_static(Optimizer, name, math.nan)


def knows_its_place(cls):
    """Tell if a rule asks which of an optimizer's parameters it updates: alone, a parameter has another place."""
    text = inspect.getsource(cls.update)
    return "self.param_index" in text or "noise(self" in text


def one_of_each(classes, besides=lambda cls: None):
    """Choose the first of those that have the same traits, and agree in what else is asked of them."""
    return list({(traits(cls), besides(cls)): cls for cls in reversed(classes)}.values())[::-1]


def in_turn(values, place):
    """Choose one of the values by a place: neighbours have different ones, and all places together have all of them.

    Of three things that are tried together, the third takes turns with the places of the first two added: so any two
    of their values meet, and the tests are a fraction.
    """
    return values[place % len(values)]


def skip_where_refused(cls, options):
    """Leave out a test of what the rule does not take: that it is refused, with its reason, is tested elsewhere."""
    for name in cls.refuses.keys() & {name for name, value in options.items() if value not in (None, False)}:
        pytest.skip(f"{cls.__name__} refuses {name}")
