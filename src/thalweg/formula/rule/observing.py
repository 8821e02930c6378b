"""A rule's second formula: of what is seen besides gradients."""

from __future__ import annotations

from functools import cache
from typing import Any

from .rule import Rule, Update, Values, observed


@cache
def observing(rule: Rule) -> Rule:
    """Only take in what is seen besides gradients, by the class's own `observe`; uphill, curvature turns its sign."""

    def wrap(inner: Update) -> Update:
        def update(self: Any, now: Values) -> Values:
            names = observed(rule.owner)
            seen = -now["grad"] if self.maximize else now["grad"]
            returned = rule.owner.observe(self, now["param"], seen, *(now[name] for name in names))
            values = returned if isinstance(returned, tuple) else (returned,)
            kept = {name: value for name, value in now.items() if name != "grad"}
            return kept | dict(zip(names, values, strict=True))

        return update

    return rule.wrapped(wrap, counts_steps=False)
