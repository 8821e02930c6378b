"""Optimizers that take gradients at points drawn around the parameters: each step goes there with its closure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..distributed.shards import is_sharded, scattered
from ..engine.closures import check_closure
from ..formula.matrices.triangular import normal
from ..optimizer import Closure, Optimizer
from ..state.averaged import put_back, put_in, taken
from ..state.layout import whole
from .with_hessian import Estimates, WithHessian

Seen = dict[Tensor, Tensor]
"""What a step has seen at its points, by the parameter."""


class WithSamples(WithHessian):
    """An optimizer that knows how far off each number may be, and takes gradients at draws of what it may be.

    A subclass keeps a state `hessian`, which starts as `hess_init`; its method `spread` gives the standard deviations,
    and `evaluated` the loss and the estimates of a step. Draws depend on `seed`, the parameter and its step, so that a
    resumed run draws the same ones.
    """

    needs_hessian = True
    how_to_see = "call step(closure), which goes to the points where it is seen"
    observes_last: ClassVar[bool] = False
    """True for a rule whose step goes by what earlier steps have seen."""

    @classmethod
    def spread(cls, group: Mapping[str, Any], hessian: Tensor) -> Tensor:
        """Give the standard deviation of each element."""
        raise NotImplementedError

    def evaluated(self, closure: Closure, points: Seen, draws: Seen) -> tuple[Any, Seen]:
        """Evaluate the closure at points, and leave the gradients to step along; give a loss and the estimates."""
        raise NotImplementedError

    def initial_hessian(self) -> Any:
        """Let the curvature start as the option says."""
        return self.hess_init  # type: ignore[attr-defined]

    def step(self, closure: Closure | None = None, hessian: Estimates | None = None) -> Any:
        """Take a step by gradients at points that are drawn, for which the closure is evaluated.

        A program that goes to such points itself passes estimates in place of a closure. Raises RuntimeError where
        there has been neither, and whatever `update_hessian` raises.
        """
        if closure is None and hessian is None:
            return super().step()
        given: dict[str, Any] = {"estimates": hessian}
        followed = None if closure is None else self._at_points(closure, given)
        if closure is None and not self.observes_last:
            self.update_hessian(hessian)
        loss = Optimizer.step(self, followed)
        if self.observes_last:
            self.update_hessian(given["estimates"])
        return loss

    # As in Optimizer: hooks and profiler ranges are its own.
    step.hooked = True  # type: ignore[attr-defined]

    def estimates(self) -> Estimates:
        """Refuse to make estimates of gradients alone, since these do not say where they were taken."""
        name = type(self).__name__
        raise RuntimeError(f"{name}.update_hessian needs estimates: call {name}.step(closure), which makes them itself")

    def _at_points(self, closure: Closure, given: dict[str, Any]) -> Closure:
        """Let a closure be evaluated at a draw, and estimates be what is seen there, if none were given."""
        check_closure(type(self).__name__, closure)

        def followed() -> Any:
            loss, seen = self._at_all_points(closure)
            if given["estimates"] is None:
                given["estimates"] = seen
            if seen and not self.observes_last:
                self.update_hessian(given["estimates"])
            return loss

        return followed

    def draws_in_a_step(self) -> int:
        """Say how many points a step goes to."""
        return 1

    def _at_all_points(self, closure: Closure) -> tuple[Any, Seen]:
        """Evaluate the closure at each draw of this step: the mean gradients stay, the means of the rest are given."""
        many = self.draws_in_a_step()
        if many == 1:
            return self.evaluated(closure, *self._drawn())
        losses, grads, seen = [], Means(many), Means(many)
        for number in range(many):
            loss, found = self.evaluated(closure, *self._drawn(number))
            losses.append(loss)
            seen.add(found)
            grads.add({param: param.grad for param in self._params() if param.grad is not None})
        for param, mean in grads.items():
            param.grad = mean
        return None if any(loss is None for loss in losses) else sum(losses) / many, dict(seen)

    @torch.no_grad()
    def _drawn(self, number: int = 0) -> tuple[Seen, Seen]:
        """Draw a point; give it, and its distance in standard deviations."""
        local = self.__dict__["_local"]
        if local:
            local.publish(self)
        places = enumerate((group, param) for group in self.param_groups for param in group["params"])
        points, draws, first = {}, {}, number * len(self._params())
        for index, (group, param) in places:
            draws[param] = self._draw(group["seed"], first + index, param)
            points[param] = param + self.spread(group, self._curvature(group, param)) * draws[param]
        return points, draws

    def _draw(self, seed: int, index: int, param: Tensor) -> Tensor:
        step = int(self.state.get(param, {}).get("step", 0))
        drawn = normal(torch.empty(param.shape, dtype=param.dtype, device=param.device), seed, index, step)
        return scattered(drawn, param) if is_sharded(param) else drawn

    def _curvature(self, group: Mapping[str, Any], param: Tensor) -> Tensor:
        kept = self.state.get(param, {}).get("hessian")
        if kept is None:
            return torch.full_like(param, group["hess_init"])
        own: Tensor = kept if is_sharded(param) else whole(kept)
        return own.to(param.dtype)


class Means(Seen):
    """The means of several tensors of each parameter, which are added one after another."""

    def __init__(self, many: int) -> None:
        super().__init__()
        self.many = many

    @torch.no_grad()
    def add(self, found: Mapping[Tensor, Tensor]) -> None:
        """Take in one tensor of each parameter."""
        for param, tensor in found.items():
            self[param] = self[param] + tensor / self.many if param in self else tensor / self.many


def loss_at(points: Mapping[Tensor, Tensor], closure: Closure) -> Any:
    """Evaluate a closure at other points, and come back to the bit."""
    kept = taken(points)
    try:
        put_in(points)
        # Parameters that autocast has rounded and remembers are those of another point.
        torch.clear_autocast_cache()
        with torch.enable_grad():
            return closure()
    finally:
        put_back(kept)
