"""Steps that are left out at random, parameter by parameter, and shortened where gradients contradict each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...formula.words.random import key_of
from ...hyper import SMALLEST, Range, checked_number
from .by_place import by_parameter, by_place, params_of
from .hooked import Hooked
from .left_out import count_skipped, is_left_out
from .sharpness import signs_of, sums_of

SHARE, POSITIVE = Range(0, 1), Range(SMALLEST)

FIRST_MOMENTS = ("exp_avg", "momentum_buffer")
"""What optimizers call their momentum."""


class Magma(Hooked):
    """Around any optimizer: of the steps of each parameter, half are left out at random, and the others are shortened.

    Joo et al. 2026, "On surprising effectiveness of masking updates in adaptive optimizers", with parameters as blocks.
    https://arxiv.org/abs/2602.15322
    The optimizer keeps its states up to date in all steps. A step that is taken is multiplied by a mean of
    sigmoid(cosine / `tau`), which starts at 1, and of which the share `alignment_ema` stays in each step; the cosine is
    that of the angle between gradient and momentum. The momentum is the optimizer's, or, where that has none of the
    parameter's shape and dtype, a mean of gradients of which the share `momentum_beta` stays. `mask_prob` is the
    probability that a step is taken, decay included; `exclude` are parameters that take all their steps, as embeddings
    do in the paper. What is left out follows from `seed`, the parameter's place and the step, so that a run that was
    stopped goes on the same; `state_dict()` goes beside the optimizer's.
    Tune: the optimizer's lr some two to four times as large.

    Raises TypeError for options that are no numbers, and ValueError for numbers out of range.
    """

    why_not_in_backward = "gradients are gone when it looks at them"

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        mask_prob: float = 0.5,
        tau: float = 2.0,
        momentum_beta: float = 0.9,
        alignment_ema: float = 0.9,
        exclude: Iterable[Tensor] = (),
        seed: int = 0,
    ) -> None:
        self.mask_prob = checked_number("Magma", "mask_prob", mask_prob, SHARE)
        self.tau = checked_number("Magma", "tau", tau, POSITIVE)
        self.momentum_beta = checked_number("Magma", "momentum_beta", momentum_beta, SHARE)
        self.alignment_ema = checked_number("Magma", "alignment_ema", alignment_ema, SHARE)
        self.seed, self.step_count = seed, 0
        self.alignments: dict[Tensor, float] = {}
        self.momenta: dict[Tensor, Tensor] = {}
        self._exclude = set(exclude)
        self._before: dict[Tensor, Tensor] = {}
        self._skipped = 0.0
        self._put_on(optimizer)

    def remove(self) -> None:
        """Let the optimizer take all its steps again."""
        self._take_off()

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept, by the places of parameters, ready for torch.save."""
        params = params_of(self.optimizer)
        alignments = {place: self.alignments[param] for place, param in enumerate(params) if param in self.alignments}
        return {"step_count": self.step_count, "alignments": alignments, "momenta": by_place(self.momenta, params)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned, beside the parameters that were saved with it.

        Raises ValueError, and changes nothing, if something does not fit.
        """
        params, wanted = params_of(self.optimizer), {"step_count", "alignments", "momenta"}
        if not isinstance(state_dict, Mapping) or not state_dict.keys() >= wanted:
            raise ValueError(f"Magma needs a state_dict of its own, but got {described(state_dict)}")
        momenta = by_parameter("Magma", state_dict["momenta"], params)
        count, alignments = state_dict["step_count"], state_dict["alignments"]
        if type(count) is not int or count < 0 or not _are_shares(alignments, len(params)):
            raise ValueError(
                "Magma needs a step_count, and an alignment from 0 to 1 for places of parameters, but got "
                f"{described(count)} and {described(alignments)}: load what was saved with these parameters"
            )
        self.step_count, self.momenta = count, momenta
        self.alignments = {params[place]: float(share) for place, share in alignments.items()}

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        return optimizer.register_step_pre_hook(self._look), optimizer.register_step_post_hook(self._mask)

    @torch.no_grad()
    def _look(self, optimizer: Any, *_: Any) -> None:
        """Remember where the weights are: the closure may still give them gradients."""
        self._skipped = count_skipped(optimizer)
        self._before = {param: param.detach().clone() for param in params_of(optimizer) if param not in self._exclude}

    @torch.no_grad()
    def _mask(self, optimizer: Any, *_: Any) -> None:
        """Take a part of each step, or none of it."""
        before, self._before = self._before, {}
        moved = [param for param in before if param.grad is not None]
        if not moved or is_left_out(optimizer, self._skipped):
            return
        self.step_count += 1
        signs, places = signs_of(optimizer), {param: place for place, param in enumerate(params_of(optimizer))}
        self._align(optimizer, {param: signs[param] * _dense(param.grad) for param in moved})
        for param in moved:
            share = self.alignments[param] if self._is_taken(places[param]) else 0.0
            param.copy_(before[param] + share * (param - before[param]) if share else before[param])

    def _align(self, optimizer: Any, grads: Mapping[Tensor, Tensor]) -> None:
        """Learn how gradients agree with momenta."""
        momenta = {param: self._momentum(optimizer, param, grad) for param, grad in grads.items()}
        pairs = [(momenta[param], grad) for param, grad in grads.items()]
        products = sums_of(one.conj() * other for a, b in pairs for one, other in ((a, b), (a, a), (b, b)))
        numbers = torch.stack(products).view(-1, 3).tolist()
        for param, (common, own, others) in zip(grads, numbers, strict=True):
            lengths = math.sqrt(own) * math.sqrt(others)
            target = 1 / (1 + math.exp(-(common / lengths if lengths else 0.0) / self.tau))
            kept = self.alignment_ema * self.alignments.get(param, 1.0)
            self.alignments[param] = kept + (1 - self.alignment_ema) * target

    def _momentum(self, optimizer: Any, param: Tensor, grad: Tensor) -> Tensor:
        """Give the optimizer's momentum, or a mean of gradients."""
        kept = optimizer.state.get(param, {})
        for found in map(kept.get, FIRST_MOMENTS):
            if isinstance(found, Tensor) and found.shape == param.shape and found.dtype == param.dtype:
                return found
        old = self.momenta.get(param)
        self.momenta[param] = (torch.zeros_like(grad) if old is None else old).lerp(grad, 1 - self.momentum_beta)
        return self.momenta[param]

    def _is_taken(self, place: int) -> bool:
        """Draw if a parameter takes this step."""
        word: int = key_of(self.seed, place, self.step_count) % 2**32
        return word / 2**32 < self.mask_prob


def _dense(grad: Any) -> Tensor:
    dense: Tensor = grad.to_dense() if grad.layout != torch.strided else grad
    return dense


def _are_shares(values: Any, count: int) -> bool:
    are_places = isinstance(values, Mapping) and all(type(place) is int and 0 <= place < count for place in values)
    return are_places and all(isinstance(share, int | float) and 0 <= share <= 1 for share in values.values())
