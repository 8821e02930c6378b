"""A learning rate that is learned: how far along a rule's own way the weights are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...hyper import Range, checked_number
from .by_place import by_parameter, by_place, params_of
from .hooked import Hooked
from .left_out import count_skipped, is_left_out
from .sharpness import norm_of, signs_of, sum_of

BETAS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)

FIRST = 1e-6
"""The largest gain to begin with, as in the authors' package: so the first step is one."""

NUMBERS = ("scales", "largest", "squares", "rewards")
"""What is kept of each learner, one for each beta."""


class Mechanic(Hooked):
    """Around any optimizer: its lr becomes a schedule alone, and how long steps are is learned from the gradients.

    Cutkosky, Defazio & Mehta 2023, "Mechanic: a learning rate tuner", algorithm 1, with the size of h, and its
    first value, as the authors' package has them. https://arxiv.org/abs/2306.00144
    The optimizer's steps are summed up from the start; the weights are the start plus `scale` times that sum. `betas`
    are how slowly the learners forget, whose scales add up; `s_init` is the first scale; `s_decay` is the paper's
    lambda, which draws weights to zero; `eps` is added to what is divided by. It keeps two tensors for each parameter:
    `state_dict()` goes beside the optimizer's. Parameters without a gradient stay where they are.
    Tune: nothing; give the optimizer an lr of 1 times its schedule, or the lr that it usually has.

    Raises TypeError and ValueError for numbers that are none or out of range.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        betas: Sequence[float] = BETAS,
        s_init: float = 1e-8,
        s_decay: float = 0.01,
        eps: float = 1e-8,
    ) -> None:
        self.betas = tuple(checked_number("Mechanic", "each of betas", beta, Range(0, 1)) for beta in betas)
        self.s_init = checked_number("Mechanic", "s_init", s_init, Range(0))
        self.s_decay = checked_number("Mechanic", "s_decay", s_decay, Range(0))
        self.eps = checked_number("Mechanic", "eps", eps, Range(0))
        self.starts: dict[Tensor, Tensor] = {}
        self.ways: dict[Tensor, Tensor] = {}
        """The sum of the optimizer's own steps."""
        self.learners = {name: [FIRST if name == "largest" else 0.0] * len(self.betas) for name in NUMBERS}
        self._before: dict[Tensor, Tensor] = {}
        self._skipped = 0.0
        self._put_on(optimizer)

    @property
    def scale(self) -> float:
        """How many times the sum of the optimizer's steps the weights are away from the start."""
        return math.fsum(self.learners["scales"])

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
        params = params_of(self.optimizer)
        if not isinstance(state_dict, Mapping) or not state_dict.keys() >= {"starts", "ways", *NUMBERS}:
            raise ValueError(f"Mechanic needs a state_dict of its own, but got {described(state_dict)}")
        for name in NUMBERS:
            if not _are_numbers(state_dict[name], len(self.betas)):
                raise ValueError(
                    f"Mechanic needs {name} to be {len(self.betas)} numbers, one for each beta, but got "
                    f"{described(state_dict[name])}"
                )
        kept = [by_parameter("Mechanic", state_dict[name], params) for name in ("starts", "ways")]
        if kept[0].keys() != kept[1].keys():
            raise ValueError("Mechanic needs a start and a way for the same parameters: load what was saved together")
        self.starts, self.ways = kept
        self.learners = {name: [float(number) for number in state_dict[name]] for name in NUMBERS}

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
        self._learn_from(self._gain(optimizer, before, moved))
        for param in moved:
            self.ways[param].add_(param - before[param])
            param.copy_(self.starts[param] + self.scale * self.ways[param])

    def _gain(self, optimizer: Any, before: Mapping[Tensor, Tensor], moved: Sequence[Tensor]) -> float:
        """Say how the loss changes along the way so far, to first order, and with the decay: the paper's h."""
        signs, device = signs_of(optimizer), moved[0].device
        grads = {param: signs[param] * param.grad for param in moved if param.grad is not None}
        length = float(norm_of(grads.values())) / (float(norm_of(before[param] for param in moved)) + self.eps)
        decay = self.s_decay * self.scale * length
        return math.fsum(
            float(sum_of(self.ways[param].conj() * (grad + decay * before[param]), device))
            for param, grad in grads.items()
        )

    def _learn_from(self, gain: float) -> None:
        old, count = self.learners, len(self.betas)
        new: dict[str, list[float]] = {name: [] for name in NUMBERS}
        for place, beta in enumerate(self.betas):
            largest = max(beta * old["largest"][place], abs(gain))
            square = beta * beta * old["squares"][place] + gain * gain
            reward = max(beta * old["rewards"][place] - old["scales"][place] * gain, 0.0)
            scale = (largest * self.s_init / count + reward) / (math.sqrt(square) + self.eps)
            for name, number in zip(NUMBERS, (scale, largest, square, reward), strict=True):
                new[name].append(number)
        self.learners = new


def _are_numbers(values: Any, count: int) -> bool:
    is_list = isinstance(values, list) and len(values) == count
    return is_list and all(isinstance(value, int | float) and 0 <= value < math.inf for value in values)
