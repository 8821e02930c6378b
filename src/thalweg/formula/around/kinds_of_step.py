"""What else a step may be than an update: gradients may come scaled, wait for others, or only be looked at."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from ..rule.rule import Rule, Update, Values, surveyed
from ..words.elements import total_square
from .training_loop import ACCUMULATED, BEFORE, around, maximized


@cache
def unscaling(rule: Rule) -> Rule:
    """Divide a rule's gradients by `grad_scale`: one number more in the same pass."""

    def wrap(inner: Update) -> Update:
        return lambda self, now: inner(self, now | {"grad": now["grad"] / self.grad_scale})

    return rule.wrapped(wrap)


@cache
def gathering(rule: Rule) -> Rule:
    """Only add the gradient to the sum of those that wait for a step."""

    def wrap(inner: Update) -> Update:
        return lambda self, now: _kept(now) | {ACCUMULATED: now[ACCUMULATED] + now["grad"]}

    return rule.wrapped(wrap, counts_steps=False)


@cache
def ending(rule: Rule, count: int) -> Rule:
    """Step along the mean of as many gradients as there are, where `accumulate` was changed since the first of them."""

    def wrap(inner: Update) -> Update:
        return lambda self, now: inner(self.having(accumulate=count), now)

    return rule.wrapped(wrap)


@cache
def measuring(rule: Rule, is_gathering: bool = False) -> Rule:
    """Only measure the gradients that are to be shortened, or, where they are only gathered, looked at.

    With them go the sums that the class wants to know before its step, of gradients that go the step's way.
    """
    survey = maximized(partial(surveyed, rule.owner))

    def measure(self: Any, now: Values) -> Values:
        own = {} if is_gathering else survey(self, now)
        return {"grad_square": total_square(now["grad"])} | own

    def wrap(inner: Update) -> Update:
        wrappers = () if is_gathering else BEFORE
        return lambda self, now: around(measure, wrappers)(self, now) | _kept(now)

    return rule.wrapped(wrap, counts_steps=False)


@cache
def counting(rule: Rule) -> Rule:
    """Count steps also where the formula needs no count: random numbers do, and `lookahead`."""
    return rule.wrapped(lambda inner: inner, counts_steps=True)


def _kept(now: Values) -> Values:
    return {name: value for name, value in now.items() if name != "grad"}
