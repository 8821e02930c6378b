"""Attention whose logits stay bounded: queries and keys are made smaller where they grew too large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...described import described, kind_of
from ...distributed.shards import everywhere, is_sharded
from ...hyper import SMALLEST, Range, checked_number
from .hooked import check_optimizer

Weights = Tensor | Sequence[Tensor] | None


class QKClip:
    """After each step, heads whose logits exceeded a threshold have their query and key weights scaled back to it.

    Kimi Team 2025, "Kimi K2: open agentic intelligence", algorithm 1: QK-clip. https://arxiv.org/abs/2507.20534

    `attentions` has, under a name of your choice, the query's and the key's weights of each attention, biases beside
    them in a list if there are any; their first dimension is (heads * size), one head after another. In the forward
    pass call `clip.see(name, logits)` with the largest logit of each head, shape (heads,), before the softmax; several
    calls before a step keep the largest. After `optimizer.step()` a head whose largest logit was s > threshold has its
    query scaled by (threshold / s)**alpha and its key by (threshold / s)**(1 - alpha). Where heads share a key, or a
    part of it, pass None for the key, or the other part: with None the query takes all. Any optimizer will do, and
    `remove()` takes the hook off. Where several processes train together, pass each of them the largest logits of all,
    from `torch.distributed.all_reduce(logits, ReduceOp.MAX)`: their weights stay the same, or parts of the same.
    Tune: threshold 100, alpha 0.5; it should be at work in the first part of a run only.

    Raises TypeError for attentions that are no pairs of weights, ValueError for a threshold that is not above 0,
    an alpha outside of [0, 1], a name that is not known, and logits that do not divide the weights' first dimension
    into heads.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        attentions: Mapping[str, tuple[Weights, Weights]],
        threshold: float = 100.0,
        alpha: float = 0.5,
    ) -> None:
        check_optimizer("QKClip", optimizer)
        self.threshold = checked_number("QKClip", "threshold", threshold, Range(SMALLEST))
        self.alpha = checked_number("QKClip", "alpha", alpha, Range(0, 1))
        self.attentions = _checked(attentions)
        self._largest: dict[str, Tensor] = {}
        self._hook = optimizer.register_step_post_hook(self._clip)

    def remove(self) -> None:
        """Take the hook off."""
        self._hook.remove()

    @torch.no_grad()
    def see(self, name: str, logits: Tensor) -> None:
        """Take in the largest logit of each head of an attention, shape (heads,); nobody waits for a device."""
        if name not in self.attentions:
            known = ", ".join(map(repr, self.attentions))
            raise ValueError(f"QKClip has no attention {name!r}: it has {known}")
        for weight in (*self.attentions[name][0], *self.attentions[name][1]):
            if logits.dim() != 1 or not len(logits) or weight.shape[0] % len(logits):
                raise ValueError(
                    f"QKClip needs one logit for each head of {name!r}, whose weights have a first dimension of "
                    f"{weight.shape[0]}, but got logits of shape {tuple(logits.shape)}"
                )
        seen = logits.detach().float().clone()
        self._largest[name] = torch.maximum(self._largest[name], seen) if name in self._largest else seen

    @torch.no_grad()
    def _clip(self, *_: Any) -> None:
        """Scale what is too large, and forget what was seen; weights that are fine are not even written."""
        seen, self._largest = self._largest, {}
        if not any(bool((logits > self.threshold).any()) for logits in seen.values()):
            return
        for name, logits in seen.items():
            scales = self.threshold / logits.clamp_min(self.threshold)
            query, key = self.attentions[name]
            for weights, power in ((query, self.alpha if key else 1.0), (key, 1 - self.alpha)):
                for weight in weights:
                    _scale(weight, scales**power)


def _scale(weight: Any, scales: Tensor) -> None:
    """Scale each head's rows; of a sharded weight, those that are here."""
    rows = scales.repeat_interleave(weight.shape[0] // len(scales)).to(weight.device, weight.dtype)
    rows = rows.reshape(-1, *(1,) * (weight.dim() - 1))
    weight.mul_(everywhere(rows, weight.device_mesh) if is_sharded(weight) else rows)


def _checked(attentions: Any) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
    """Take each attention's weights as lists; raises TypeError for what has no two of them."""
    if not isinstance(attentions, Mapping):
        raise TypeError(
            f"QKClip needs attentions to be a dict, but got {kind_of(attentions)}: pass a name for each attention, and "
            "with it a pair of its query's and its key's weights"
        )
    for name, pair in attentions.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(_is_weights(weights) for weights in pair):
            raise TypeError(
                f"QKClip needs the weights of attention {name!r} to be a pair, but got {described(pair)}: pass "
                "(query.weight, key.weight)"
            )
    return {name: (_listed(query), _listed(key)) for name, (query, key) in attentions.items()}


def _is_weights(weights: Any) -> bool:
    listed = weights if isinstance(weights, tuple | list) else [weights]
    return weights is None or all(isinstance(each, Tensor) for each in listed)


def _listed(weights: Weights) -> list[Tensor]:
    if weights is None:
        return []
    return [weights] if isinstance(weights, Tensor) else list(weights)
