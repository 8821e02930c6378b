"""Is the gradient the gradient? Finite differences say."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from ....state.interrupts import keeping_grad_mode
from ..function.closure_function import Closure, ClosureFunction
from ..function.vector import Vector
from ..options import check_function


@torch.no_grad()
@keeping_grad_mode
def check_grad(closure: Closure, params: Iterable[Tensor], *, limit: int = 100, step: float | None = None) -> float:
    """Return the relative distance between the closure's gradient and central differences, about 1e-9 if it is right.

    For the gradient g and differences d it is |g - d| / |g + d|, as in Lua torch's `checkgrad`. `closure` computes the
    loss, calls `loss.backward()` and returns the loss, as for LBFGS; `params` are the parameters, best in float64.
    Up to `limit` numbers are compared, spread evenly through the parameters; for each, the loss is evaluated twice.
    `step` is the distance by which each is moved; None chooses it by the number's size and dtype.
    The parameters are left as they were, with the closure's gradient at them. Raises what the closure raises.
    """
    check_function("check_grad", "closure", closure)
    vector = Vector([param for param in params if param.requires_grad])
    x = vector.read()
    function = ClosureFunction("check_grad", vector, closure)
    try:
        gradient = function(x)[1]
        places = spread(x.numel(), limit)
        slopes = torch.stack([slope_at(function, x, place, step) for place in places]).to(gradient)
    finally:
        vector.write(x)
    function(x)
    chosen = gradient[places]
    total = torch.linalg.vector_norm(chosen + slopes)
    return float(torch.linalg.vector_norm(chosen - slopes) / total) if total > 0 else 0.0


def slope_at(function: ClosureFunction, x: Tensor, place: int, step: float | None) -> Tensor:
    """Return the central difference in one number; eps^(1/3) balances rounding and curvature."""
    h = step or torch.finfo(x.dtype).eps ** (1 / 3) * max(1.0, abs(float(x[place])))
    ends = []
    for sign in (1, -1):
        there = x.clone()
        there[place] += sign * h
        ends.append((function(there)[0].to(x.dtype), there[place]))
    (above, right), (below, left) = ends
    return (above - below) / (right - left)


def spread(count: int, limit: int) -> list[int]:
    """Return up to `limit` indices, evenly through `count`."""
    stride = max(1, -(-count // limit))
    return list(itertools.islice(range(0, count, stride), limit))
