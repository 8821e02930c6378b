"""Weights that decay apart from the gradient: how much, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.move import Move, parts, plain
from ..rule.rule import Update, Values
from ..words.elements import sign, where


def decayed(inner: Update) -> Update:
    """Decay the weights by a share of each, apart from the gradient; the formula itself then sees no decay.

    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithms 1 and 2, where lr scales the decay
    too, as in torch.optim. https://arxiv.org/abs/1711.05101
    """

    def update(self: Any, now: Values) -> Values:
        if not self.decoupled_weight_decay:
            return inner(self, now)
        without = self.having(weight_decay=0.0)
        if not self.weight_decay:
            return inner(without, now)
        if self.cautious_decay:
            return _decayed_where_steps_go(inner, without, now, share(self))
        return inner(without, now | {"param": now["param"] * (1 - share(self))})

    return update


def share(self: Any) -> Any:
    """Give what of the weights decays in a step; with a `peak_lr` it falls with the square of the rate.

    Defazio 2025, "Why gradients rapidly increase near the end of training", algorithm 1. https://arxiv.org/abs/2506.02285
    """
    whole = self.lr * self.weight_decay
    return whole if self.peak_lr is None else whole * self.lr / self.peak_lr


def _decayed_where_steps_go(inner: Callable[..., Values], self: Any, now: Values, share: Any) -> Values:
    """Let only those weights decay that the step does not make larger.

    Chen et al. 2025, "Cautious weight decay", equation 1. https://arxiv.org/abs/2510.12402
    """
    new = inner(self, now | {"param": Move(now["param"])})
    base, step = parts(new["param"], plain(now["param"]))
    base, step = plain(base), plain(step)
    kept = where(sign(step) * sign(base) >= 0, base * (1 - share), base)
    return {name: plain(value) for name, value in new.items()} | {"param": kept - step}
