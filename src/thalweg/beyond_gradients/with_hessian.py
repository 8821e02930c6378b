"""Optimizers that take in the Hessian's diagonal besides gradients: `update_hessian`, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import engine
from ..described import kind_of
from ..distributed.shards import is_sharded, scattered
from ..engine.closures import check_closure
from ..optimizer import Closure, Optimizer
from ..state.interrupts import keeping_grad_mode
from ..state.layout import whole
from ..state.names import name_in

Estimates = Sequence[Tensor | None] | Mapping[Tensor, Tensor]
"""One tensor for each parameter, in the order of the groups, None where there is none; or by the parameter."""


class WithHessian(Optimizer):
    """An optimizer that has a second formula, of estimates of the Hessian's diagonal.

    A subclass has `observe(self, param, seen, *states)` beside `update`: it gives the new values of those states that
    it names. These are kept as precisely as is computed, whatever `state_dtype` says of others.
    """

    formulas = ("observe",)
    observe: ClassVar[Callable[..., Any]]
    """Gives the states in which estimates are remembered."""
    needs_hessian: ClassVar[bool] = False
    """True for a rule that can take no step before the first estimate."""
    how_to_see: ClassVar[str] = "pass step(hessian=thalweg.hutchinson(model.parameters(), loss))"
    """What to do where there is no estimate."""

    def step(self, closure: Closure | None = None, hessian: Estimates | None = None) -> Any:
        """Take a step, as every optimizer does, once estimates of the Hessian are taken in where they are given.

        Raises RuntimeError where the rule needs an estimate and has had none, and whatever `update_hessian` raises.
        """
        if hessian is not None:
            self.update_hessian(hessian)
        elif self.needs_hessian:
            if closure is None:
                self._refuse_unseen()
            else:
                closure = self._seen_after(closure)
        return super().step(closure)

    # As in Optimizer: hooks and profiler ranges are its own.
    step.hooked = True  # type: ignore[attr-defined]

    @keeping_grad_mode
    def update_hessian(self, estimates: Estimates | None = None) -> None:
        """Take in estimates of the Hessian's diagonal, one tensor for each parameter, with its shape, dtype and device.

        Without any, they are made of the gradients that lie in `.grad`, as the class says. No parameter moves, no step
        is counted, and `.grad` stays as it is. With `skip_nonfinite`, estimates are left out if any is not finite.

        Raises TypeError for what is no list of tensors, ValueError for another number of them, or one that does not fit
        its parameter, and RuntimeError where there are no gradients to make them of.
        """
        with torch.no_grad():
            found = self._by_parameter(self.estimates() if estimates is None else estimates)
            if self._leaves_out(found):
                return
            with self._in_place_of_gradients(found):
                engine.step(self)

    def estimates(self) -> Estimates:
        """Make estimates of the gradients in `.grad`."""
        return hutchinson(self._params())

    def _params(self) -> list[Tensor]:
        return [param for group in self.param_groups for param in group["params"]]

    def _by_parameter(self, given: Estimates) -> dict[Tensor, Tensor | None]:
        """Give each parameter its estimate, once all are seen to fit."""
        params, name = self._params(), type(self).__name__
        if not isinstance(given, Iterable):
            raise TypeError(
                f"{name} needs estimates of the Hessian, one for each parameter, but got {kind_of(given)}: pass "
                "thalweg.hutchinson(model.parameters(), loss), say"
            )
        listed = [given.get(param) for param in params] if isinstance(given, Mapping) else list(given)
        if len(listed) != len(params):
            raise ValueError(
                f"{name} has {len(params)} parameters, but got {len(listed)} estimates of the Hessian: pass one for "
                "each, and None where there is none"
            )
        for param, estimate in zip(params, listed, strict=True):
            if estimate is not None and _kind(estimate) != _kind(param):
                raise ValueError(
                    f"{name} needs an estimate of the Hessian like {name_in(self.param_groups, param)}, which has "
                    f"shape, dtype and device {_kind(param)}, but got {_kind(estimate)}"
                )
        return dict(zip(params, listed, strict=True))

    def _leaves_out(self, estimates: Mapping[Tensor, Tensor | None]) -> bool:
        """Tell if estimates are to be left out as steps are, in which any number is not finite."""
        if not any(group["skip_nonfinite"] for group in self.param_groups):
            return False
        # Zero times what is not finite is not finite, and of shards a sum is known to all processes.
        sums = [whole((0 * estimate).sum()) for estimate in estimates.values() if estimate is not None]
        return not all(bool(total.isfinite()) for total in sums)

    @contextmanager
    def _in_place_of_gradients(self, estimates: Mapping[Tensor, Tensor | None]) -> Iterator[None]:
        kept = {param: param.grad for param in estimates}
        self.__dict__["_observes"] = True
        try:
            for param, estimate in estimates.items():
                param.grad = None if estimate is None else estimate.detach()
            yield
        finally:
            del self.__dict__["_observes"]
            for param, grad in kept.items():
                param.grad = grad

    def _seen_after(self, closure: Closure) -> Closure:
        """Let a closure be followed by the look for estimates, which it may have passed to `update_hessian` itself."""
        check_closure(type(self).__name__, closure)

        def followed() -> Any:
            loss = closure()
            self._refuse_unseen()
            return loss

        return followed

    def _refuse_unseen(self) -> None:
        for param in self._params():
            if param.grad is not None and not self.state.get(param):
                needs_more = is_sharded(param) and type(self).how_to_see == WithHessian.how_to_see
                raise RuntimeError(
                    f"{type(self).__name__} cannot step {name_in(self.param_groups, param)} before it has seen its "
                    f"Hessian: {_or_another(self.how_to_see) if needs_more else f'{self.how_to_see}, say'}"
                )


def hutchinson(
    params: Iterable[Tensor], loss: Tensor | None = None, samples: int = 1, generator: torch.Generator | None = None
) -> list[Tensor | None]:
    """Estimate the Hessian's diagonal: z * (H z), with a random sign for each number of z.

    Hutchinson 1990, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines",
    https://doi.org/10.1080/03610919008812866, as Yao et al. 2021 take it in each place, https://arxiv.org/abs/2006.00719
    Call it before `loss.backward()`, with that loss. Without a loss, the gradients in `.grad` must have their graph, as
    after `loss.backward(create_graph=True)`; they keep themselves alive until `zero_grad()`. The mean of `samples`
    estimates is taken; signs are drawn on the generator's device, the CPU by default. Gives one tensor for each
    parameter, None for those that the loss does not depend on. Signs of a DTensor are drawn for the whole tensor, so
    that estimates do not depend on the number of processes; all of them must call this at the same time.

    Raises RuntimeError where gradients have no graph, as under torch's `fully_shard`, which makes none.
    """
    listed = list(params)
    grads = _gradients(listed, loss)
    known = [(param, grad) for param, grad in zip(listed, grads, strict=True) if grad is not None]
    _refuse_without_graph(listed, known)
    sums = {param: torch.zeros_like(param) for param, _ in known}
    for sample in range(samples):
        signs = {param: _signs(param, generator) for param, _ in known}
        followed = [(grad, signs[param]) for param, grad in known if grad.requires_grad]
        # The loss's own graph is still to be gone through by backward().
        keeps = loss is not None or sample < samples - 1
        products = torch.autograd.grad(
            [grad for grad, _ in followed],
            list(sums),
            [sign for _, sign in followed],
            retain_graph=keeps,
            allow_unused=True,
        )
        for param, product in zip(sums, products, strict=True):
            if product is not None:
                sums[param].add_(signs[param] * product, alpha=1 / samples)
    return [sums.get(param) for param in listed]


def _refuse_without_graph(params: Sequence[Tensor], known: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Refuse gradients that cannot be differentiated; after its backward pass, FSDP frees what was whole meanwhile."""
    are_there = all(param.untyped_storage().nbytes() or not param.numel() for param in params if not is_sharded(param))
    if are_there and any(grad.requires_grad for _, grad in known):
        return
    what_to_do = "pass hutchinson(params, loss) before loss.backward()"
    if not are_there or any(map(is_sharded, params)):
        what_to_do = _or_another(what_to_do)
    raise RuntimeError(
        "Hutchinson's estimate needs gradients with their graph, but got "
        f"{'none that has one' if known else 'no gradients'}: {what_to_do}"
    )


def _or_another(what_to_do: str) -> str:
    """Say what to do for sharded parameters: of torch's sharded models, only some have second derivatives."""
    return (
        f"{what_to_do}, or, for a model under fully_shard, which has no second derivatives in torch, use an optimizer "
        "that takes gradients alone"
    )


def _gradients(params: Sequence[Any], loss: Tensor | None) -> Sequence[Any]:
    """Take gradients with their graph, of a loss or as they lie there; those of DTensors are divided as these are."""
    if loss is None:
        grads = [param.grad for param in params]
    else:
        grads = list(torch.autograd.grad(loss, params, create_graph=True, allow_unused=True))
    return [
        grad.redistribute(param.device_mesh, param.placements) if grad is not None and is_sharded(param) else grad
        for param, grad in zip(params, grads, strict=True)
    ]


def _signs(param: Tensor, generator: torch.Generator | None) -> Tensor:
    device = "cpu" if generator is None else generator.device
    drawn = torch.randint(0, 2, param.shape, generator=generator, dtype=torch.int64, device=device)
    signs = (2 * drawn - 1).to(param.device, param.dtype)
    return scattered(signs, param) if is_sharded(param) else signs


def _kind(tensor: Tensor) -> tuple[tuple[int, ...], torch.dtype, torch.device]:
    return tuple(tensor.shape), tensor.dtype, tensor.device
