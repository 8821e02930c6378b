"""The derivative of an answer with respect to what its loss closes over, by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn, cast

import torch
from torch import Tensor

from ....warned import warn
from ..directions import krylov
from ..function.hessian import Factor
from ..function.vector import real_view
from ..function.weighed import weighed_slopes
from ..scipy_names.fields import Later

DENSE = 500
"""Numbers up to which the Hessian is formed and factored; beyond, conjugate gradients multiply by it."""

Gradient = Callable[[], list[Tensor]]
"""The gradient by each unknown where they are now, as a graph over them and over whatever else the loss depends on."""


class Solution(torch.autograd.Function):
    """x with the derivative -H^-1 dg: where g(x, theta) stays zero, H dx + dg = 0."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, curvature: Curvature) -> Tensor:
        """Return x."""
        ctx.curvature = curvature
        return x.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        """Return the derivative by the gradient."""
        found = -ctx.curvature.solve(slope)
        if torch.is_grad_enabled():
            found = Underived.apply(found, ctx.curvature.gradient, ONCE)  # type: ignore[no-untyped-call]
        return found, None, None


class Underived(torch.autograd.Function):
    """What is known at an answer, but not how it changes: a derivative that left its part out would be wrong."""

    @staticmethod
    def forward(ctx: Any, known: Tensor, answer: Tensor, why: str) -> Tensor:
        """Return what is known, as something that depends on whatever the answer depends on."""
        ctx.why = why
        return known.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> NoReturn:
        """Raise ValueError."""
        raise ValueError(ctx.why)


ONCE = (
    "An answer found with differentiable=True has first derivatives only, but a second one was asked for: leave "
    "create_graph out, and minimize what depends on it by a method without Hessians"
)
"""Why a derivative has none itself."""

FIELD = (
    "differentiable=True differentiates the answer alone, but the derivative of its {0} was asked for: detach it, or "
    "compute the {0} from the answer by your own formula"
)
"""Why what says how sure an answer is has no derivative."""


def underived(later: Later, answers: Sequence[Tensor]) -> Later:
    """Return what computes fields of a differentiable answer; those that say how sure it is refuse `backward`."""
    wanting = [answer for answer in answers if answer.requires_grad]
    names = [name for name in ("covariance", "hess", "hess_inv") if name in later and wanting]

    def computed(name: str) -> Tensor:
        known = later[name]()
        with torch.enable_grad():
            return cast(Tensor, Underived.apply(known, wanting[0], FIELD.format(name)))  # type: ignore[no-untyped-call]

    return {**later, **{name: partial(computed, name) for name in names}}


class Curvature:
    """The Hessian at the answer, on the numbers that no limit stops; `solve` is called when someone differentiates."""

    def __init__(self, gradient: Tensor, leaves: Sequence[Tensor], free: Tensor | None) -> None:
        self.gradient = gradient
        self.leaves = leaves
        self.free = torch.ones_like(gradient.detach()) if free is None else free
        self.factor: Factor | None = None

    def solve(self, vector: Tensor) -> Tensor:
        """Return H^-1 v on the free numbers, zero elsewhere; raises ValueError where H is not positive definite."""
        with torch.no_grad():
            wanted = vector * self.free
            if len(wanted) > DENSE:
                return self._by_conjugate_gradients(wanted)
            if self.factor is None:
                self.factor = self._factored(len(wanted))
            return self.factor.solve(wanted[:, None])[:, 0]

    def times(self, vector: Tensor) -> Tensor:
        """Return H v on the free numbers."""
        weights = vector * self.free
        product = weighed_slopes([self.gradient], [weights], self.leaves, retain_graph=True, materialize_grads=True)
        return flat(product) * self.free

    def _factored(self, n: int) -> Factor:
        unit = torch.eye(n, dtype=self.free.dtype, device=self.free.device)
        hessian = torch.stack([self.times(row) for row in unit])
        factor = Factor(0.5 * (hessian + hessian.t()), self.free)
        if not factor.positive:
            raise not_isolated()
        return factor

    def _by_conjugate_gradients(self, wanted: Tensor) -> Tensor:
        if not bool(wanted.any()):
            return wanted
        path = krylov.solve(self.times, -wanted, torch.finfo(wanted.dtype).eps ** 0.75, 4 * len(wanted))
        if path.end is None:
            raise not_isolated()
        return path.end


def not_isolated() -> ValueError:
    """Return the error for an answer that has no derivative."""
    return ValueError(
        "The answer has no derivative, since the Hessian there is not positive definite: it is no isolated minimum; "
        "go closer with smaller tolerances, or add a term to the loss that decides between the minima"
    )


def refuse_graph(owner: str, bounds: Any) -> None:
    """Raise ValueError for bounds that want a gradient: an answer that lies on one would have to pass it on."""
    parts = list(bounds.values()) if isinstance(bounds, Mapping) else bounds
    for part in parts if isinstance(parts, list | tuple) else ():
        refuse_graph(owner, part)
    if isinstance(bounds, Tensor) and bounds.requires_grad:
        raise ValueError(
            f"{owner}(differentiable=True) finds no derivatives by bounds, but they want a gradient: pass their "
            "detach(), or write the numbers as functions of free ones"
        )


def warn_of_failure(success: bool, message: str) -> None:
    """Warn where there is no minimum whose derivative could be taken."""
    if not success:
        why = "so its derivative is that of a minimum only as far as it lies at one"
        warn(f"The answer was found without success, {why}: {message}")


def differentiable_answer(gradient: Gradient, leaves: Sequence[Tensor], free: Tensor | None) -> list[Tensor]:
    """Return copies of the unknowns that know their derivative by what `gradient` depends on.

    `free` is one where a number may move and zero where a limit stops it, None for all ones.
    """
    with torch.enable_grad():
        slopes = flat(gradient())
        x = flat([leaf.detach() for leaf in leaves])
        if not slopes.requires_grad:
            slopes = slopes + 0 * flat(leaves)
        answer = cast(Tensor, Solution.apply(slopes, x, Curvature(slopes, leaves, free)))  # type: ignore[no-untyped-call]
        parts = torch.split(answer, [real_view(leaf.detach()).numel() for leaf in leaves])
        return [shaped(part, leaf.detach()) for part, leaf in zip(parts, leaves, strict=True)]


def flat(tensors: Any) -> Tensor:
    """Return tensors as one real vector, differentiably."""
    return torch.cat([real_view(tensor).reshape(-1) for tensor in tensors])


def shaped(part: Tensor, like: Tensor) -> Tensor:
    """Return a flat real part with the shape of a tensor, differentiably."""
    real = part.reshape(real_view(like).shape).to(real_view(like))
    return torch.view_as_complex(real) if like.is_complex() else real
