"""The optimizers: each names a direction and a search, or a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Annotated, Any, ClassVar

import torch

from ...hyper import Fraction, OneOf, Positive
from .directions.broyden import FAMILIES, DenseInverse
from .directions.conjugate_gradient import BETAS, ConjugateGradient
from .directions.limited_memory import LimitedMemory
from .directions.newton import TruncatedNewton
from .function.bounds import Box, bounds_of, check_bound
from .function.closure_function import Closure
from .function.objective import Objective
from .function.residual_function import GivenJacobian, ResidualFunction
from .function.robust import robust_loss
from .function.sizes import check_sizes, units_of
from .function.vector import Vector
from .optimizer import ClosureOptimizer
from .proposals import trust_region
from .proposals.dense_levenberg_marquardt import DenseLevenbergMarquardt
from .proposals.line_search import LineSearch
from .run.method import Method
from .saving.saved_runs import with_own_options, with_torch_options
from .search import NAMES, search_named

Searched = Annotated[str, OneOf(NAMES)]

FEW = 11
"""Numbers up to which CG's directions span the space: the memory of Hager & Zhang 2013."""


class Bounded(ClosureOptimizer):
    """A method that searches along lines, and so can keep to a box: lines end at limits, or go along them.

    `bounds` is None or a pair (low, high) of numbers, tensors of the parameter's shape, or None for no limit; a list
    has one for each parameter of the group.
    """

    _: KW_ONLY
    bounds: Any = None

    @classmethod
    def check_parameters(cls, group: Mapping[str, Any]) -> None:
        """Raise TypeError or ValueError for bounds that do not fit the parameters of their group."""
        check_bounds(cls.__name__, group)


class LBFGS(Bounded):
    """Newton's method with an inverse Hessian made of the last steps: for any number of parameters.

    Liu & Nocedal 1989, "On the limited memory BFGS method for large scale optimization".
    https://doi.org/10.1007/BF01589116
    It keeps two vectors for each of the last `history_size` steps. The closure returns the same loss at the same point,
    and calls `loss.backward()`; a step evaluates it a little more often than it iterates.
    Tune: nothing; take `history_size=10` where memory is short, `tolerance_grad=0` to go on to the last digit.
    """

    history_size: int = 100
    line_search_fn: Annotated[str | None, OneOf((None, *NAMES))] = "hager_zhang"
    _: KW_ONLY
    damping: Fraction = 0.0

    def method(self) -> Method:
        """L-BFGS directions, any search."""
        direction = LimitedMemory(self.history_size, float(self.damping), refined=True)
        return LineSearch(direction, search_named(self.line_search_fn, 0.7))

    def state_dict(self, state_dtype: torch.dtype | None = None) -> dict[str, Any]:
        """Return options and run as plain tensors, numbers, lists and dicts; torch.optim.LBFGS steps on from them."""
        return with_torch_options(super().state_dict(state_dtype))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Load what `state_dict()` returned, here or in torch.optim; raises ValueError where it does not fit."""
        super().load_state_dict(with_own_options(state_dict), strict)


class CG(Bounded):
    """Conjugate gradients: two more vectors than steepest descent, and far fewer steps.

    Shanno 1978, "Conjugate gradient methods with inexact searches", https://doi.org/10.1287/moor.3.3.244; for up to 11
    numbers Polak & Ribière 1969, kept from going negative as by Gilbert & Nocedal 1992, "Global convergence properties
    of conjugate gradient methods for optimization", https://doi.org/10.1137/0802003
    With `beta="auto"` these two are taken. Other formulas are "hz" (Hager & Zhang 2005), "hs" (Hestenes & Stiefel
    1952), "dy" (Dai & Yuan 1999) and "hs-dy", a mixture of the two. The search along each direction is nearly exact,
    since conjugacy rests on it.
    Tune: nothing; take `beta="hs-dy"` if a run stalls.
    """

    beta: Annotated[str, OneOf(("auto", *BETAS))] = "auto"
    line_search_fn: Searched = "hager_zhang"

    def method(self) -> Method:
        """Conjugate directions, a nearly exact search."""
        beta = self.beta if self.beta != "auto" else ("shanno" if self._size() > FEW else "pr+")
        return LineSearch(ConjugateGradient(BETAS[beta]), search_named(self.line_search_fn, 0.1))


class BFGS(Bounded):
    """Newton's method with a dense inverse Hessian learned from every step: n^2 numbers for n parameters.

    Broyden, Fletcher, Goldfarb & Shanno 1970; Nocedal & Wright 2006, "Numerical Optimization", section 6.1. With
    `self_scaled=True` the matrix is divided by min(1, s'y / s'Bs) first: Al-Baali 1998, "Numerical experience with a
    class of self-scaling quasi-Newton algorithms". For up to some 2,000 parameters: the matrix has their dtype.
    Tune: take `self_scaled=True` for physics-informed networks.
    """

    line_search_fn: Searched = "hager_zhang"
    _: KW_ONLY
    self_scaled: bool = False

    def method(self) -> Method:
        """Dense BFGS directions."""
        family = FAMILIES["self_scaled_bfgs" if self.self_scaled else "bfgs"]
        return LineSearch(DenseInverse(family), search_named(self.line_search_fn, 0.7))


class SSBroyden(Bounded):
    """Broyden's family with a member and a scale chosen at each step: for physics-informed networks.

    Urbán, Stefanou & Pons 2024, "Unveiling the optimization process of physics informed neural networks: How accurate
    and competitive can PINNs be?", equations 15 to 22. https://arxiv.org/abs/2405.04230
    Tune: use float64, every point in one batch, and `max_iter` in the thousands; n parameters take n^2 numbers.
    """

    line_search_fn: Searched = "hager_zhang"

    def method(self) -> Method:
        """Dense self-scaled directions."""
        family = FAMILIES["self_scaled_broyden"]
        return LineSearch(DenseInverse(family), search_named(self.line_search_fn, 0.7))


class NewtonCG(Bounded):
    """Newton's direction by conjugate gradients on the true Hessian, and a search along it.

    Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.1. The matrix itself is never made: only its products
    with vectors are, which cost about as much as two gradients each. If the closure leaves out `loss.backward()`,
    products are exact, by differentiating twice; if it calls it, they are differences of gradients.
    Tune: nothing.
    """

    line_search_fn: Searched = "hager_zhang"
    forcing: Fraction = 0.5

    second_order: ClassVar[bool] = True

    def method(self) -> Method:
        """Truncated Newton directions."""
        return LineSearch(TruncatedNewton(float(self.forcing)), search_named(self.line_search_fn, 0.7))


class TrustRegion(ClosureOptimizer):
    """Newton's model, believed within a radius that follows its success: for saddles and negative curvature.

    Steihaug 1983, "The conjugate gradient method and trust regions in large scale optimization".
    https://doi.org/10.1137/0720042
    The closure may leave out `loss.backward()`: then products with the Hessian are exact, by differentiating twice.
    The last 20 products and steps are kept, two vectors each, and precondition the next model.
    Tune: nothing.
    """

    forcing: Fraction = 0.5

    second_order: ClassVar[bool] = True

    def method(self) -> Method:
        """A model within a radius."""
        return trust_region.TrustRegion(forcing=float(self.forcing))


def check_bounds(owner: str, group: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError for bounds that do not fit a group's parameters."""
    if group.get("bounds") is None:
        return
    bounds, params = bounds_of(group), group["params"]
    if len(bounds) != len(params):
        raise ValueError(
            f"{owner} needs one bound per parameter, but got {len(bounds)} for {len(params)} parameters: "
            "pass a list of pairs (low, high), with None for parameters without bounds"
        )
    for index, (param, bound) in enumerate(zip(params, bounds, strict=True)):
        names = group.get("param_names")
        check_bound(owner, f"parameter {names[index] if names else index}", param, bound)


class LevenbergMarquardt(ClosureOptimizer):
    """Least squares: Gauss and Newton's step, shortened to where the residuals are nearly linear.

    Moré 1978, "The Levenberg-Marquardt algorithm: implementation and theory".
    https://doi.org/10.1007/BFb0067700
    The closure returns the residuals, a real tensor of any shape, and does not call backward. The loss is half the sum
    of their squares, or a robust `loss`: "huber", "soft_l1", "cauchy", "arctan", or a function, for which residuals up
    to the size `f_scale` are ordinary. For up to `dense_size` parameters the Jacobian J is formed and decomposed.
    Beyond that, conjugate gradients multiply by J'J; with `bounds`, L-BFGS minimizes the loss.
    Tune: nothing; where parameters differ by many orders of magnitude, take `scaled=True`, or give their sizes as
    `x_scale`, one entry per parameter in a list; `x_scale="jac"` is the same as `scaled=True`.
    """

    scaled: bool = False
    dense_size: int = 500
    _: KW_ONLY
    bounds: Any = None
    loss: Any = "linear"
    f_scale: Positive = 1.0
    x_scale: Any = None

    takes_residuals: ClassVar[bool] = True

    @classmethod
    def check(cls, options: Mapping[str, Any], where: str = "") -> None:
        """Raise TypeError or ValueError for what is no count, no loss, or turns squares upside down."""
        super().check(options, where)
        if options["maximize"]:
            raise ValueError(f"{cls.__name__} minimizes squares, which have no maximum: leave out maximize=True{where}")
        robust_loss(cls.__name__, options["loss"], float(options["f_scale"]))

    @classmethod
    def check_parameters(cls, group: Mapping[str, Any]) -> None:
        """Raise TypeError or ValueError for bounds or sizes that do not fit the parameters of their group."""
        check_bounds(cls.__name__, group)
        check_sizes(cls.__name__, group)

    def method(self) -> Method:
        """A linear model of the residuals within a radius."""
        if self._size() <= self.dense_size:
            return DenseLevenbergMarquardt(bool(self.scaled) or self.x_scale == "jac", units_of(self.param_groups))
        if any(bound is not None for bound in self._bounds()):
            return LineSearch(LimitedMemory(100), search_named("hager_zhang", 0.7))
        return trust_region.TrustRegion(forcing=0.1)

    def objective(self, vector: Vector, closure: Closure, budget: float, box: Box | None) -> Objective:
        """Return the loss of the residuals as a function of one vector."""
        robust = robust_loss(type(self).__name__, self.loss, float(self.f_scale))
        function = ResidualFunction(type(self).__name__, vector, closure, robust)
        return Objective(function, budget, function.times, box, given=isinstance(closure, GivenJacobian))
