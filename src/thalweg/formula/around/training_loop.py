"""What a training loop does around an update: each is a function around a formula, and fuses into the same pass.

A wrapper takes what computes the new values, and returns what does that and something more. A gradient passes them from
the outermost inwards, as they stand in `WRAPPERS`; the new parameter passes them on its way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from ..graph.move import Move, parts, plain
from ..rule.rule import Rule, Update, Values, rule_of
from ..words.elements import clamp, floor, lerp, maximum, minimum, sqrt, total, total_square, where
from .centralized import centralized
from .decay import decayed

EMA, ACCUMULATED, SLOW, FILTERED, RADIUS = "ema", "accumulated", "slow_param", "slow_grad", "radius"
AROUND = (EMA, ACCUMULATED, SLOW, FILTERED, RADIUS)
"""The states for the averaged parameter, the sum of gradients, `lookahead`, `grokfast` and `hyperball`."""

MEASURED = ("grad_square", "step_square", "param_square")
"""What is measured where a step is tracked."""

EDGE = 1e-6
"""Added to a norm that is divided by, as torch's clip_grad_norm_ does."""

LEAST_LEFT = 1e-14
"""What is left of the square of a norm, at least: where a step leads to zero, float32 tells no smaller lengths."""

LEAST_NORM = 1e-30
"""What a step of zeros is divided by."""

LEAST_SHARE = 1e-3
"""A cautious step is stretched a thousandfold at most, as in its authors' code."""


def accumulated(inner: Update) -> Update:
    """Step along the mean of `accumulate` gradients: the last one meets the sum of those before."""

    def update(self: Any, now: Values) -> Values:
        if not self.accumulate > 1:
            return inner(self, now)
        grad = (now[ACCUMULATED] + now["grad"]) / self.accumulate
        return inner(self, now | {"grad": grad}) | {ACCUMULATED: 0.0}

    return update


def clipped_by_value(inner: Update) -> Update:
    """Bound each element of the gradient."""

    def update(self: Any, now: Values) -> Values:
        if self.clip_value is None:
            return inner(self, now)
        return inner(self, now | {"grad": clamp(now["grad"], -self.clip_value, self.clip_value)})

    return update


def tracked(inner: Update) -> Update:
    """Measure gradient, step and parameter on the way, before gradients are shortened."""

    def update(self: Any, now: Values) -> Values:
        new = inner(self, now)
        if not self.track:
            return new
        return new | {
            "grad_square": total_square(now["grad"]),
            "step_square": total_square(new["param"] - now["param"]),
            "param_square": total_square(now["param"]),
        }

    return update


def clipped_by_norm(inner: Update) -> Update:
    """Shorten all gradients together where their common norm is too large: it was measured before.

    Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
    https://arxiv.org/abs/1211.5063
    """

    def update(self: Any, now: Values) -> Values:
        if self.max_grad_norm is None:
            return inner(self, now)
        share = minimum(1, self.max_grad_norm / (self.grad_norm + EDGE))
        return inner(self.having(grad_norm=self.grad_norm * share), now | {"grad": now["grad"] * share})

    return update


def clipped_by_tensor(inner: Update) -> Update:
    """Shorten each parameter's gradient where its own norm is too large."""

    def update(self: Any, now: Values) -> Values:
        if self.max_tensor_norm is None:
            return inner(self, now)
        norm = sqrt(total_square(now["grad"]))
        return inner(self, now | {"grad": now["grad"] * minimum(1, self.max_tensor_norm / (norm + EDGE))})

    return update


def maximized(inner: Update) -> Update:
    """Go uphill."""

    def update(self: Any, now: Values) -> Values:
        return inner(self, now | {"grad": -now["grad"]} if self.maximize else now)

    return update


def filtered(inner: Update) -> Update:
    """Add a multiple of the gradient's running mean to it: what changes slowly counts for more.

    Lee et al. 2024, "Grokfast: Accelerated grokking by amplifying slow gradients", algorithm 2, where the mean starts
    as the first gradient. https://arxiv.org/abs/2405.20233
    """

    def update(self: Any, now: Values) -> Values:
        if self.grokfast is None:
            return inner(self, now)
        grad = now["grad"]
        slow = where(self.is_first_step, grad, self.grokfast_decay * now[FILTERED] + (1 - self.grokfast_decay) * grad)
        return inner(self, now | {"grad": grad + self.grokfast * slow}) | {FILTERED: slow}

    return update


def looking_ahead(inner: Update) -> Update:
    """Walk several steps ahead, then go a share of that way from where the walk began, and walk on from there.

    Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back", algorithm 1.
    https://arxiv.org/abs/1907.08610
    """

    def update(self: Any, now: Values) -> Values:
        new = inner(self, now)
        if self.lookahead is None:
            return new
        is_due = floor(self.step_count / self.lookahead) * self.lookahead == self.step_count
        slow = where(is_due, lerp(now[SLOW], new["param"], self.lookahead_alpha), now[SLOW])
        return new | {"param": where(is_due, slow, new["param"]), SLOW: slow}

    return update


def averaged(inner: Update) -> Update:
    """Keep a running mean of the parameter beside it.

    Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging", https://doi.org/10.1137/0330046,
    with a mean that forgets.
    """

    def update(self: Any, now: Values) -> Values:
        new = inner(self, now)
        if self.ema_decay is None:
            return new
        return new | {EMA: lerp(now[EMA], new["param"], 1 - self.ema_decay)}

    return update


def on_sphere(inner: Update) -> Update:
    """Turn each matrix towards its step, by lr times the norm that it began with, and keep that; it has no decay.

    Wen et al. 2026, "Fantastic pretraining optimizers and where to find them II: Hyperball optimization".
    https://arxiv.org/abs/2606.16899
    """

    def update(self: Any, now: Values) -> Values:
        if not self.hyperball or not self.ndim > 1:
            return inner(self, now)
        old = now["param"]
        new = inner(self.having(weight_decay=0.0), now if self.cautious else now | {"param": Move(old)})
        base, step = parts(new["param"], old)
        radius = where(now[RADIUS] > 0, now[RADIUS], sqrt(total_square(old)))
        share = self.lr * (radius / maximum(sqrt(total_square(step)), LEAST_NORM))
        # The square of the norm of where that leads, from sums of one pass: to look there would take another.
        square = total_square(old) - 2 * share * total(old * step) + share * share * total_square(step)
        turned = (old - share * step) * (radius / sqrt(maximum(square, LEAST_LEFT * radius * radius)))
        plainly = {name: plain(value) for name, value in new.items()}
        # A matrix of zeros has no norm to keep: it takes the plain step.
        return plainly | {"param": where(radius > 0, turned, base - step), RADIUS: radius}

    return update


def cautious(inner: Update) -> Update:
    """Rest where a step goes against the gradient, and lengthen it elsewhere by as much; decay goes on everywhere.

    Liang et al. 2024, "Cautious optimizers: improving training with one line of code", algorithm 1, with the share
    bounded as in the authors' code. https://arxiv.org/abs/2411.16085
    """

    def update(self: Any, now: Values) -> Values:
        if not self.cautious:
            return inner(self, now)
        moving = Move(now["param"])
        new = inner(self, now | {"param": moving})
        base, step = parts(new["param"], now["param"])
        grad = sum(moving.decay, start=now["grad"])
        agrees = ((step > 0) & (grad > 0)) | ((step < 0) & (grad < 0))
        share = maximum(total(agrees) / self.numel, LEAST_SHARE)
        plainly = {name: plain(value) for name, value in new.items()}
        return plainly | {"param": base - step * agrees / share}

    return update


BEFORE = (accumulated, clipped_by_value)
"""What makes the gradient that is measured."""

WRAPPERS = (
    *(*BEFORE, tracked, clipped_by_norm, clipped_by_tensor, maximized, centralized, filtered),
    *(averaged, looking_ahead, on_sphere, decayed, cautious),
)


def around(update: Update, wrappers: tuple[Callable[[Update], Update], ...] = WRAPPERS) -> Update:
    """Put the wrappers around what computes, the first outermost."""
    return reduce(lambda inner, wrap: wrap(inner), reversed(wrappers), update)


def surrounded(rule: Rule) -> Rule:
    """Return the rule as it is used in training, with all that options may put around it."""
    return rule.wrapped(
        around,
        states=(*rule.states, *AROUND),
        scalars=rule.scalars | {RADIUS},
        wide=rule.wide | {EMA, ACCUMULATED, SLOW},
        copies=rule.copies | {EMA, SLOW},
    )


def lent(other: Any, owner: Any, names: Mapping[str, str], **decided: Any) -> Rule:
    """Let another class's formula update some parameters of an optimizer; `names` are what its options are there."""
    rule = surrounded(replace(rule_of(other), owner=owner))

    def wrap(inner: Update) -> Update:
        def update(self: Any, now: Values) -> Values:
            options = {name: getattr(self, own) for name, own in names.items()}
            return inner(self.having(**options, **decided), now)

        return update

    return rule.wrapped(wrap)
