"""What `least_squares` solves: residuals of some unknowns, and what can be said about them at the answer."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..function.closure_function import Closure
from ..function.given_numbers import numbers_of
from ..function.residual_function import GivenJacobian, ResidualFunction, joined
from ..function.robust import Rho, robust_loss
from ..function.vector import Vector
from ..optimizer import ClosureOptimizer
from ..run.result import Result
from ..scipy_names.fields import Later
from ..scipy_names.outcome import FitIntermediate
from .covariance import fit_covariance
from .given_jacobian import with_jacobian
from .implicit import warn_of_failure
from .outside_torch import has_left_torch, no_gradient
from .problem import with_arguments
from .returned import residuals_read
from .unknowns import Unknowns


class Fit:
    """Residuals and their loss, where the unknowns are now."""

    def __init__(
        self,
        unknowns: Unknowns,
        residuals: Callable[..., Tensor],
        args: tuple[Any, ...],
        loss: str | Rho,
        f_scale: float,
        jac: Callable[..., Any] | None = None,
    ) -> None:
        self.unknowns = unknowns
        self.function = residuals
        self.args = args
        self.jac = jac
        self.robust = robust_loss("least_squares", loss, f_scale)
        if jac is not None and not isinstance(unknowns.structure, Tensor):
            raise ValueError("least_squares takes jac for an x0 of one tensor: leave it out, autograd differentiates")

    @property
    def closure(self) -> Closure:
        """What evaluates the residuals."""
        return self.residuals if self.jac is None else GivenJacobian(self.residuals)

    def residuals(self) -> Tensor:
        """Return the residuals as the user's function gives them, differentiable by the user's Jacobian if given."""
        x = self.unknowns.structure
        if self.jac is None:
            return self._by_autograd(x)
        return with_jacobian(with_arguments(self.function, self.args), with_arguments(self.jac, self.args), x)

    def _by_autograd(self, x: Any) -> Tensor:
        try:
            return residuals_read(self.function(x, *self.args))
        except (RuntimeError, TypeError) as error:
            if has_left_torch(error):
                raise no_gradient("least_squares", "residuals") from error
            raise

    def cost_at(self, x: Any) -> Tensor:
        """Return the loss at x, differentiable by whatever it depends on."""
        residuals = joined(self.function(x, *self.args)).reshape(-1)
        return 0.5 * residuals.square().sum() if self.robust is None else self.robust.cost(residuals)

    @torch.no_grad()
    def values(self) -> Tensor:
        """Return the residuals where the unknowns are now."""
        return numbers_of("the residuals", joined(self.function(self.unknowns.answer(), *self.args)))

    def jacobian(self) -> Tensor:
        """Return the Jacobian at the answer, shape (m, n); a robust loss weighs the residuals as SciPy does."""
        return self._linearized()[1]

    def covariance(self, absolute_sigma: bool) -> Tensor:
        """Return the covariance of the answer."""
        value, jacobian = self._linearized()
        return fit_covariance(jacobian, 2 * value, absolute_sigma).to(self.unknowns.leaves[0].real.dtype)

    def _linearized(self) -> tuple[Tensor, Tensor]:
        there = copy(self)
        there.unknowns = self.unknowns.copied()
        function = ResidualFunction("least_squares", Vector(there.unknowns.leaves), there.residuals, self.robust)
        value, _ = function(function.vector.read())
        jacobian = function.raw_jacobian()
        if self.robust is not None:
            weights = self.robust.weights(function.raw, 0.0)
            least = torch.finfo(torch.float64).eps  # SciPy's, whatever the slope is
            jacobian = weights._replace(bend=weights.bend.clamp_min(least)).jacobian(jacobian)
        return value, jacobian

    def later(self, covariance: bool, absolute_sigma: bool) -> Later:
        """Return what can be computed at the answer; of a module, whose parameters may move on, what is asked for."""
        spread = partial(self.covariance, absolute_sigma)
        every: dict[str, Callable[[], Any]] = {"fun": self.values, "jac": self.jacobian, "covariance": spread}
        wanted = ("fun", *("covariance",) * covariance) if self.unknowns.is_module else every
        return {name: every[name] for name in wanted}

    def intermediate(self, x: Any, result: Result) -> FitIntermediate:
        """Return what a callback is told of an iteration."""
        return FitIntermediate(x, result.value, result.iterations, result.evaluations, later={"fun": self.values})

    def differentiable_answer(self, optimizer: ClosureOptimizer) -> Any:
        """Return the answer as a function of whatever the residuals depend on."""
        warn_of_failure(optimizer.result.success, optimizer.result.message)
        return self.unknowns.differentiable(lambda: self.cost_at(self.unknowns.structure), optimizer.free)
