"""Wrappers that learn how long an optimizer's steps are: weights are the start, plus a multiple of its own way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...described import described
from ...hyper import Range, checked_number
from .by_place import by_parameter, by_place, params_of
from .hooked import Hooked
from .left_out import count_skipped, is_left_out
from .sharpness import signs_of, sums_of

BETAS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


class LearnedScale(Hooked):
    """What Mechanic and TRAC have in common: where the optimizer's way began, the way, and learners of its scale.

    A subclass says what `numbers` are kept of each learner, one for each beta; how the loss changes along the way
    (`_gain`), what is learned from that (`_learn_from`), and the `scale` that follows.
    """

    why_not_in_backward = "gradients are gone when it learns from them"
    first: ClassVar[Mapping[str, float]]
    """What is kept of each learner, and what it is to begin with."""

    def __init__(self, optimizer: torch.optim.Optimizer, betas: Sequence[float], **numbers: float) -> None:
        name = type(self).__name__
        self.betas = tuple(checked_number(name, "each of betas", beta, Range(0, 1)) for beta in betas)
        for option, number in numbers.items():
            setattr(self, option, checked_number(name, option, number, Range(0)))
        self.starts: dict[Tensor, Tensor] = {}
        self.ways: dict[Tensor, Tensor] = {}
        """The sum of the optimizer's own steps."""
        self.learners = {kept: [number] * len(self.betas) for kept, number in self.first.items()}
        self._before: dict[Tensor, Tensor] = {}
        self._skipped = 0.0
        self._put_on(optimizer)

    @property
    def scale(self) -> float:
        """How many times the sum of the optimizer's steps the weights are away from the start."""
        raise NotImplementedError

    def remove(self) -> None:
        """Let the optimizer take its own steps, from where the weights are."""
        self._take_off()

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept, by the places of parameters, ready for torch.save."""
        params = params_of(self.optimizer)
        tensors = {"starts": by_place(self.starts, params), "ways": by_place(self.ways, params)}
        return tensors | {name: list(numbers) for name, numbers in self.learners.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned, beside the parameters that were saved with it.

        Raises ValueError, and changes nothing, if something does not fit.
        """
        owner, params = type(self).__name__, params_of(self.optimizer)
        if not isinstance(state_dict, Mapping) or not state_dict.keys() >= {"starts", "ways", *self.first}:
            raise ValueError(f"{owner} needs a state_dict of its own, but got {described(state_dict)}")
        for name in self.first:
            if not _are_numbers(state_dict[name], len(self.betas)):
                raise ValueError(
                    f"{owner} needs {name} to be {len(self.betas)} numbers, one for each beta, but got "
                    f"{described(state_dict[name])}"
                )
        kept = [by_parameter(owner, state_dict[name], params) for name in ("starts", "ways")]
        if kept[0].keys() != kept[1].keys():
            raise ValueError(f"{owner} needs a start and a way for the same parameters: load what was saved together")
        self.starts, self.ways = kept
        self.learners = {name: [float(number) for number in state_dict[name]] for name in self.first}

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        return optimizer.register_step_pre_hook(self._look), optimizer.register_step_post_hook(self._learn)

    @torch.no_grad()
    def _look(self, optimizer: Any, *_: Any) -> None:
        """Remember where the weights are: the closure may still give them gradients."""
        self._skipped = count_skipped(optimizer)
        self._before = {param: param.detach().clone() for param in params_of(optimizer)}

    @torch.no_grad()
    def _learn(self, optimizer: Any, *_: Any) -> None:
        """Learn from the gradients, and put the weights where the new scale says."""
        before, self._before = self._before, {}
        moved = [param for param in before if param.grad is not None]
        if not moved or is_left_out(optimizer, self._skipped):
            return
        for param in moved:
            self.starts.setdefault(param, before[param])
            self.ways.setdefault(param, torch.zeros_like(before[param]))
        signs = signs_of(optimizer)
        grads = {param: signs[param] * param.grad for param in moved if param.grad is not None}
        self._learn_from(self._gain(before, grads))
        for param in moved:
            self.ways[param].add_(param - before[param])
            param.copy_(self.starts[param] + self.scale * self.ways[param])

    def _gain(self, before: Mapping[Tensor, Tensor], grads: Mapping[Tensor, Tensor]) -> float:
        """Say how the loss changes along the way so far, to first order."""
        return math.fsum(map(float, sums_of(self.ways[param].conj() * grad for param, grad in grads.items())))

    def _learn_from(self, gain: float) -> None:
        """Make new numbers of the learners."""
        raise NotImplementedError


def _are_numbers(values: Any, count: int) -> bool:
    is_list = isinstance(values, list) and len(values) == count
    return is_list and all(isinstance(value, int | float) and math.isfinite(value) for value in values)
