"""Sharpness that is looked for with the help of what earlier steps have found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...hyper import Range, Whole, checked_number
from .by_place import by_parameter, by_place, params_of
from .sharpness import NOT_NEGATIVE, SAM, first_gradients, norm_of, sums_of


class RememberingSAM(SAM):
    """What both have in common: a tensor for each parameter, which is kept from step to step, and saved."""

    why_not_in_parts = "it remembers one gradient of each step"

    def __init__(self, optimizer: torch.optim.Optimizer, rho: float, eps: float) -> None:
        self.memory: dict[Tensor, Tensor] = {}
        self.count = 0
        super().__init__(optimizer, rho, eps)

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept, by the places of parameters, ready for torch.save."""
        return {"memory": by_place(self.memory, params_of(self.optimizer)), "count": self.count}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned, beside the parameters that were saved with it.

        Raises ValueError, and changes nothing, if a tensor does not fit its parameter.
        """
        name = type(self).__name__
        kept, count = (state_dict.get(key) if isinstance(state_dict, Mapping) else None for key in ("memory", "count"))
        if not isinstance(kept, Mapping) or type(count) is not int or count < 0:
            raise ValueError(f"{name} needs a state_dict with memory and count, but got {described(state_dict)}")
        self.memory, self.count = by_parameter(name, kept, params_of(self.optimizer)), count

    def _look_around(self, optimizer: Any, closure: Callable[[], Any], params: Sequence[Tensor]) -> None:
        super()._look_around(optimizer, closure, params)
        self.count += 1

    _remembered = first_gradients


class LookSAM(RememberingSAM):
    """SAM that looks for the worst point every few steps only, and goes on along what it has found in between.

    Liu et al. 2022, "Towards efficient and scalable sharpness-aware minimization", algorithm 1.
    https://arxiv.org/abs/2203.02714
    Every `k` steps the closure is evaluated twice, as in SAM, and the part of the second gradient across the first one
    is kept: it changes slowly. In the steps between, the closure is evaluated once, and that part is added to the
    gradient, with `alpha` times the gradient's length. Norms and angles are those of all parameters together, as in the
    paper. Everything else is as in SAM, but it keeps a tensor for each parameter: its `state_dict()` goes beside the
    optimizer's.
    Tune: rho as for SAM; k 5 to 10; alpha 0.5 to 1.

    Raises what SAM raises, and ValueError for a k below 1.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, rho: float = 0.1, k: int = 5, alpha: float = 0.7, eps: float = 1e-12
    ) -> None:
        self.k = int(checked_number("LookSAM", "k", k, Whole(1)))
        self.alpha = checked_number("LookSAM", "alpha", alpha, NOT_NEGATIVE)
        super().__init__(optimizer, rho, eps)

    def _look_around(self, optimizer: Any, closure: Callable[[], Any], params: Sequence[Tensor]) -> None:
        if self.count % self.k == 0:
            super()._look_around(optimizer, closure, params)
            return
        self._go_on(params)
        self.count += 1

    def _combine(self, params: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        pairs = [(param, param.grad, one) for param, one in zip(params, first, strict=True) if param.grad is not None]
        common = sum(sums_of(one.conj() * second for _, second, one in pairs))
        along = common / (norm_of(first) ** 2 + self.eps)
        self.memory = {param: second - along.to(one) * one for param, second, one in pairs}

    @torch.no_grad()
    def _go_on(self, params: Sequence[Tensor]) -> None:
        """Add what was found last."""
        grads = [param.grad for param in params if param.grad is not None]
        known = [self.memory[param] for param in params if param in self.memory]
        if not known:
            return
        share = self.alpha * norm_of(grads) / (norm_of(known) + self.eps)
        for param, grad in zip(params, grads, strict=True):
            if param in self.memory:
                grad.add_(self.memory[param] * share.to(grad))


class FriendlySAM(RememberingSAM):
    """SAM that looks along what is new in a batch's gradient: the mean of gradients is taken off it.

    Li et al. 2024, "Friendly sharpness-aware minimization", algorithm 1, with the mean before this batch, which starts
    as the first gradient, as in the authors' code. https://arxiv.org/abs/2403.12350
    `sigma` is the share of the mean that is taken off, and `lmbda` its decay. Everything else is as in SAM, but it
    keeps a tensor for each parameter: its `state_dict()` goes beside the optimizer's.
    Tune: rho as for SAM, or a little larger; sigma 1; lmbda 0.6 to 0.95.

    Raises what SAM raises, and ValueError for a lmbda outside of [0, 1].
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        rho: float = 0.05,
        sigma: float = 1.0,
        lmbda: float = 0.9,
        eps: float = 1e-12,
    ) -> None:
        self.sigma = checked_number("FriendlySAM", "sigma", sigma, NOT_NEGATIVE)
        self.lmbda = checked_number("FriendlySAM", "lmbda", lmbda, Range(0, 1))
        super().__init__(optimizer, rho, eps)

    def _ways(self, params: Sequence[Tensor], grads: Sequence[Any], signs: dict[Tensor, float]) -> dict[Tensor, Tensor]:
        news = [
            grad - self.sigma * self.memory[param] if param in self.memory else grad
            for param, grad in zip(params, grads, strict=True)
        ]
        return super()._ways(params, news, signs)

    def _combine(self, params: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        for param, one in zip(params, first, strict=True):
            if param in self.memory:
                self.memory[param] = self.lmbda * self.memory[param] + (1 - self.lmbda) * one
            else:
                self.memory[param] = one
