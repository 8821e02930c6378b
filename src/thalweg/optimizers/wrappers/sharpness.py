"""Gradients from where the loss is largest nearby: minima that are flat, around any optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...described import kind_of
from ...hyper import Range, checked_number
from ...optimizer import check_closure
from ...state.averaged import put_back, put_in, taken
from ...state.layout import whole
from ..closure import ClosureOptimizer
from .batch_parts import InParts, mean_of_parts
from .by_place import params_of
from .hooked import Hooked

NOT_NEGATIVE = Range(0)

EVALUATE_OFTEN = (ClosureOptimizer, torch.optim.LBFGS)
"""They compare losses and gradients of one point, which two points would mix up."""


class SAM(Hooked):
    """Sharpness-aware minimization: step along the gradient at the worst point of a ball around the parameters.

    Foret et al. 2021, "Sharpness-aware minimization for efficiently improving generalization", algorithm 1, with the
    ball of the 2-norm. https://arxiv.org/abs/2010.01412

    `thalweg.SAM(optimizer)` makes each `optimizer.step(closure)` evaluate the closure twice: where the parameters are,
    and `rho` further along the gradient of all of them together. They are put back to the bit, and the optimizer, of
    this library or of torch.optim, takes its step along the second gradient; the loss returned is the first one. Groups
    with `maximize=True` look for the worst point downhill. `rho` may be changed between steps, and `remove()` takes the
    wrapper off. It keeps nothing from step to step, so checkpoints are the optimizer's. `in_parts` lets each part of a
    batch have a worst point of its own.

    `eps` is added to the norm that is divided by. The closure zeroes gradients, and should leave running statistics, as
    those of batch normalization, alone the second time. Not to be used with methods that search along a line, nor with
    `in_backward`, which leaves no gradients.
    Tune: rho 0.05, between 0.02 and 0.2; the optimizer's own options stay.

    Raises TypeError for what is no optimizer, or evaluates its closure itself, and in a step without a closure;
    ValueError for a negative number, and for an optimizer that steps in backward.
    """

    why_not_in_parts: ClassVar[str | None] = None
    """What would go wrong if each part of a batch had a worst point of its own."""
    why_not_in_backward = "the gradient of the first point would be stepped along at once"

    def __init__(self, optimizer: torch.optim.Optimizer, rho: float = 0.05, eps: float = 1e-12) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, torch.optim.Optimizer) or isinstance(optimizer, EVALUATE_OFTEN):
            raise TypeError(
                f"{name} needs an optimizer that steps along one gradient, but got {kind_of(optimizer)}: pass "
                f"{name}(thalweg.AdamW(model.parameters())), say"
            )
        self.rho = checked_number(name, "rho", rho, NOT_NEGATIVE)
        self.eps = checked_number(name, "eps", eps, NOT_NEGATIVE)
        self._put_on(optimizer)

    def in_parts(self, closures: Iterable[Callable[[], Any]]) -> InParts:
        """Let each part of a batch have a worst point of its own; the step is along the mean of their gradients.

        Foret et al. 2021, section 4.1, where it is called m-sharpness, m being the size of a part.
        `optimizer.step(sam.in_parts(closures))` evaluates each closure twice, and returns the mean of the losses.

        Raises TypeError for what is no list of closures, and for a wrapper that remembers what it has seen.
        """
        name = type(self).__name__
        if self.why_not_in_parts:
            raise TypeError(f"{name} takes no batch in parts, since {self.why_not_in_parts}: take SAM, ASAM or GSAM")
        return InParts(name, closures)

    def remove(self) -> None:
        """Let the optimizer step along the gradient where it is again."""
        self._take_off()

    def _hooks_on(self, optimizer: Any) -> tuple[Any, ...]:
        return (optimizer.register_step_pre_hook(self._with_two_points),)

    def _with_two_points(self, optimizer: Any, arguments: Any, keywords: Any) -> tuple[Any, dict[str, Any]]:
        """Give the step another closure."""
        closure = keywords.get("closure", arguments[1] if len(arguments) > 1 else None)
        name, owner = type(self).__name__, type(optimizer).__name__
        if closure is None:
            raise TypeError(
                f"{owner}.step needs a closure, since {name} evaluates the loss at two points: pass a function that "
                "zeroes the gradients, computes the loss, calls loss.backward() and returns the loss"
            )
        check_closure(owner, closure)
        return arguments[:1], {**keywords, "closure": partial(self._evaluate, optimizer, closure)}

    def _evaluate(self, optimizer: Any, closure: Callable[[], Any]) -> Any:
        """Leave the gradient of the second point behind, or the mean of several; return the loss of the first."""
        if isinstance(closure, InParts):
            evaluate = partial(self._evaluate, optimizer)
            return mean_of_parts(evaluate, closure.closures, partial(params_of, optimizer))
        loss = _run(closure)
        params = [param for group in optimizer.param_groups for param in group["params"] if param.grad is not None]
        if loss is None or not params:
            return loss
        _refuse_sparse(type(self).__name__, [param.grad for param in params])
        self._look_around(optimizer, closure, params)
        return loss

    def _look_around(self, optimizer: Any, closure: Callable[[], Any], params: Sequence[Tensor]) -> None:
        """Go to the second point, take the gradient there, and come back to the bit."""
        grads = [param.grad for param in params]
        with torch.no_grad():
            points = {param: param + way for param, way in self._ways(params, grads, signs_of(optimizer)).items()}
            kept, first = taken(points), self._remembered(params)
        try:
            put_in(points)
            _run(closure)
        finally:
            put_back(kept)
        with torch.no_grad():
            self._combine(params, first)

    def _ways(self, params: Sequence[Tensor], grads: Sequence[Any], signs: dict[Tensor, float]) -> dict[Tensor, Tensor]:
        """Say how far each parameter is from the worst point nearby."""
        scales = [self._scale(param) for param in params]
        length = norm_of(grad * scale for grad, scale in zip(grads, scales, strict=True)) + self.eps
        return {
            param: grad * scale * scale * (signs[param] * self.rho / length).to(grad)
            for param, grad, scale in zip(params, grads, scales, strict=True)
        }

    def _scale(self, param: Tensor) -> Any:
        """Give the half axes of the ball, in units of rho."""
        return 1.0

    def _remembered(self, params: Sequence[Tensor]) -> list[Tensor]:
        """Keep what is needed of the first gradients, which the closure writes over."""
        return []

    def _combine(self, params: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        """Make the gradient to step along of both; here it is the second."""


class ASAM(SAM):
    """SAM with a ball that is wide for large parameters, and narrow for small ones: their scale does not matter.

    Kwon et al. 2021, "ASAM: adaptive sharpness-aware minimization for scale-invariant learning of deep neural
    networks", algorithm 1 with the 2-norm. https://arxiv.org/abs/2102.11600
    The half axes of the ball are rho * (abs(parameter) + eta). With `eta=0` it is what others call SAM with
    `adaptive=True`. Everything else is as in SAM.
    Tune: rho 0.5 to 2, some ten times SAM's.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, rho: float = 0.5, eta: float = 0.01, eps: float = 1e-12
    ) -> None:
        self.eta = checked_number(type(self).__name__, "eta", eta, NOT_NEGATIVE)
        super().__init__(optimizer, rho, eps)

    def _scale(self, param: Tensor) -> Any:
        return param.abs() + self.eta


def first_gradients(self: Any, params: Sequence[Tensor]) -> list[Tensor]:
    """Keep the first gradients: the closure writes over them."""
    return [param.grad.clone() for param in params if param.grad is not None]


class GSAM(SAM):
    """SAM that also closes the gap between the two points: it goes up the part of the first gradient across the second.

    Zhuang et al. 2022, "Surrogate gap minimization improves sharpness-aware training", algorithm 1.
    https://arxiv.org/abs/2203.08065
    `alpha` is the share of that part. The paper lets `rho` follow the learning rate: set `gsam.rho` beside the
    scheduler. Everything else is as in SAM.
    Tune: alpha 0.4, between 0.1 and 0.8.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, rho: float = 0.05, alpha: float = 0.4, eps: float = 1e-12
    ) -> None:
        self.alpha = checked_number(type(self).__name__, "alpha", alpha, NOT_NEGATIVE)
        super().__init__(optimizer, rho, eps)

    _remembered = first_gradients

    def _combine(self, params: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        pairs = [(one, param.grad) for one, param in zip(first, params, strict=True) if param.grad is not None]
        common = sum(sums_of(one * second for one, second in pairs))
        along = common / (norm_of(second for _, second in pairs) ** 2 + self.eps)
        for one, second in pairs:
            across = one - along.to(second) * second
            second.sub_(across, alpha=self.alpha)


def _run(closure: Callable[[], Any]) -> Any:
    # Parameters that autocast has rounded and remembers are those of another point.
    torch.clear_autocast_cache()
    with torch.enable_grad():
        return closure()


def sums_of(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Add up the elements of each tensor, those of shards on all processes, as precisely as there is.

    The sums are on the device of the first tensor; they take one message for each mesh.
    """
    listed = list(tensors)
    places: dict[Any, list[int]] = {}
    for place, tensor in enumerate(listed):
        places.setdefault(getattr(tensor, "device_mesh", None), []).append(place)
    found: dict[int, Tensor] = {}
    for own in places.values():
        sums = [torch.real(listed[place]).sum(dtype=torch.float64).to(listed[0].device) for place in own]
        # Of a sharded tensor, float() would give what is here alone.
        found.update(zip(own, whole(torch.stack(sums)).unbind(), strict=True))
    return [found[place] for place in range(len(listed))]


def norm_of(tensors: Iterable[Tensor]) -> Tensor:
    """Take the norm of all together, on the device of the first."""
    return torch.stack(sums_of(tensor.conj() * tensor for tensor in tensors)).sum().sqrt()


def signs_of(optimizer: torch.optim.Optimizer) -> dict[Tensor, float]:
    """Say of each parameter whether worse is uphill."""
    groups = optimizer.param_groups
    return {param: -1.0 if group.get("maximize") else 1.0 for group in groups for param in group["params"]}


def _refuse_sparse(name: str, grads: Iterable[Tensor]) -> None:
    layout = next((grad.layout for grad in grads if grad.layout != torch.strided), None)
    if layout is not None:
        raise RuntimeError(f"{name} needs dense gradients, but got one of layout {layout}: make the layer dense")
