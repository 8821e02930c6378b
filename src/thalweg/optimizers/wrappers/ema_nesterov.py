"""Gradients taken ahead of the weights, along the mean of where they have been going."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...hyper import Range, checked_number
from .hooked import Hooked
from .left_out import count_skipped, is_left_out

KEYS = {"means", "shares", "largest", "is_ahead"}
"""What a saved state has."""


class EMANesterov(Hooked):
    """Around any optimizer: gradients are taken, and steps begin, some way ahead along the mean of past steps.

    Yau et al. 2026, "EMA-Nesterov", https://arxiv.org/abs/2605.25395: x' = A(x + beta m), then m is a running mean of
    x' - x that keeps `decay` of itself in a step.

    The share of m that is gone ahead is `lookahead` times the group's lr over the largest one that it has had, so that
    a schedule ends it; set `wrapper.lookahead` to 0 for the first and the last part of a run, as the authors do. From
    the first step on the parameters are the points x + beta m: call `eval()` before validation and before the model is
    saved, and `train()` after it. `state_dict()` goes beside the optimizer's, and `remove()` puts x in place and takes
    the hooks off. It keeps one number for each parameter. Parameters without a gradient stay where they are.
    Tune: lookahead 0.3 to 0.6, from a tenth of a run to four fifths of it.

    Raises ValueError for a lookahead below 0 and a decay outside of [0, 1), and RuntimeError for a step after `eval()`.
    """

    why_not_in_backward = "parameters have moved before it sees the step"

    def __init__(self, optimizer: torch.optim.Optimizer, lookahead: float = 0.3, decay: float = 0.99) -> None:
        self.lookahead = checked_number("EMANesterov", "lookahead", lookahead, Range(0))
        self.decay = checked_number("EMANesterov", "decay", decay, Range(0, 1, below=True))
        self.means: dict[Tensor, Tensor] = {}
        self.shares: dict[Tensor, float] = {}
        """How far ahead along its mean each parameter is."""
        self.largest: list[float] = []
        """The largest learning rate of each group so far."""
        self.is_ahead = True
        self._moving: dict[Tensor, Tensor] = {}
        self._skipped = 0.0
        self._put_on(optimizer)

    def remove(self) -> None:
        """Put the weights themselves in place, and take the hooks off."""
        self.eval()
        self._take_off()

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        return optimizer.register_step_pre_hook(self._leave), optimizer.register_step_post_hook(self._arrive)

    def eval(self) -> None:
        """Put the weights themselves in place: what is to be validated, and saved."""
        self._go(-1.0, self.is_ahead)
        self.is_ahead = False

    def train(self) -> None:
        """Put the points ahead in place, to go on."""
        self._go(1.0, not self.is_ahead)
        self.is_ahead = True

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept, by the places of parameters, ready for torch.save."""
        places = {param: place for place, param in enumerate(_params(self.optimizer))}
        means = {places[param]: mean for param, mean in self.means.items() if param in places}
        shares = {places[param]: share for param, share in self.shares.items() if param in places}
        return {"means": means, "shares": shares, "largest": list(self.largest), "is_ahead": self.is_ahead}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned, beside the parameters that were saved with it.

        Raises ValueError, and changes nothing, if a mean does not fit its parameter.
        """
        params = _params(self.optimizer)
        fault = next(_faults(state_dict, params), None)
        if fault:
            raise ValueError(f"EMANesterov needs {fault}: load what was saved with these parameters")
        means = {params[place]: mean.detach().to(params[place]).clone() for place, mean in state_dict["means"].items()}
        self.shares = {params[place]: float(share) for place, share in state_dict["shares"].items()}
        self.means, self.largest = means, [float(rate) for rate in state_dict["largest"]]
        self.is_ahead = state_dict["is_ahead"]

    @torch.no_grad()
    def _go(self, way: float, is_due: bool) -> None:
        for param in _params(self.optimizer) if is_due else []:
            if self.shares.get(param):
                param.add_(self.means[param], alpha=way * self.shares[param])

    @torch.no_grad()
    def _leave(self, optimizer: Any, *_: Any) -> None:
        """Take where the weights are out of the means, before they move."""
        if not self.is_ahead:
            raise RuntimeError("EMANesterov cannot step from the weights themselves: call train() after eval()")
        self._skipped = count_skipped(optimizer)
        # Which of them have gradients is known after the step: a closure makes them within it.
        self._moving = {param: self._without(param) for param in _params(optimizer)}

    def _without(self, param: Tensor) -> Tensor:
        """Give the next mean of a parameter, but for where it will be."""
        mean = self.means.get(param)
        if mean is None:
            return param * (self.decay - 1)
        return (self.decay * mean).sub_(param - self.shares[param] * mean, alpha=1 - self.decay)

    @torch.no_grad()
    def _arrive(self, optimizer: Any, *_: Any) -> None:
        """Take where they are now into the means, and go ahead; where the step was left out, all stays."""
        moving, self._moving = self._moving, {}
        if is_left_out(optimizer, self._skipped):
            return
        groups = optimizer.param_groups
        rates = [float(group["lr"]) for group in groups]
        known = [*self.largest, *rates[len(self.largest) :]]
        self.largest = [max(pair) for pair in zip(known, rates, strict=False)]
        self._forget_all_but(moving)
        for group, rate, most in zip(groups, rates, self.largest, strict=True):
            share = self.lookahead * rate / most if most else 0.0
            for param in group["params"]:
                if param.grad is not None:
                    self.means[param] = moving[param].add_(param, alpha=1 - self.decay)
                    self.shares[param] = share
                    param.add_(self.means[param], alpha=share)

    def _forget_all_but(self, params: Mapping[Tensor, Any]) -> None:
        """Keep nothing of parameters that the optimizer no longer has."""
        for param in self.means.keys() - params.keys():
            del self.means[param], self.shares[param]


def _params(optimizer: Any) -> list[Tensor]:
    return [param for group in optimizer.param_groups for param in group["params"]]


def _faults(saved: Any, params: Sequence[Tensor]) -> Iterator[str]:
    """Say what a saved state must be, and is not."""
    if not isinstance(saved, Mapping) or not saved.keys() >= KEYS:
        yield f"a state_dict with {', '.join(sorted(KEYS))}, but got {described(saved)}"
        return
    means, shares, largest = saved["means"], saved["shares"], saved["largest"]
    for place, mean in means.items() if isinstance(means, Mapping) else [(None, means)]:
        param = params[place] if type(place) is int and 0 <= place < len(params) else None
        if param is None or not _fits(mean, param):
            wanted = None if param is None else tuple(param.shape)
            yield f"a mean of the shape of parameter {place}, which is {wanted}, but got {described(mean)}"
            return
    if not isinstance(shares, Mapping) or means.keys() != shares.keys():
        yield f"a share for each mean, but got {described(shares)}"
        return
    numbers = [*shares.values(), *(largest if isinstance(largest, list) else [None])]
    if not all(isinstance(number, float | int) and 0 <= number < math.inf for number in numbers):
        yield f"shares and largest rates at least 0, but got {described(numbers)}"
    if not isinstance(saved["is_ahead"], bool):
        yield f"is_ahead to be True or False, but got {described(saved['is_ahead'])}"


def _fits(mean: Any, param: Tensor) -> bool:
    """Tell if something that was saved can be a parameter's mean."""
    is_dense = isinstance(mean, Tensor) and mean.layout == torch.strided and not mean.is_meta
    return is_dense and mean.shape == param.shape and mean.is_complex() == param.is_complex()
