"""What every closure method shares: groups, budget, the run that survives from step to step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from itertools import chain
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor

from ...engine.launches.edits import hold_edits
from ...formula.matrices.unrounded import as_around, is_rounding, unrounded
from ...hyper import NonNegative, Share
from ...optimizer import Optimizer, check_closure, uncompiled_step
from ...state.checkpoints import checkpoint
from ...state.interrupts import keeping_grad_mode, without_gradients
from ...state.names import refuse_lazy
from ...state.noted import Log, NotedGroup
from .function.bounds import Box, bounds_of, box_of
from .function.closure_function import Closure, ClosureFunction, TwiceDifferentiable, check_unmoved
from .function.hessian import ClosureWithHessian, given_products
from .function.moving import may_move
from .function.objective import Objective, Point
from .function.sharded_vector import vector_of
from .function.vector import Vector, alike, fits
from .made_of import are_same, made_of
from .options import check_counts
from .proposals.following import following
from .run.descend import Callback, Descent
from .run.method import Method
from .run.result import Reason, Result
from .run.stopping import Stopping
from .saving.saved_runs import exported, imported, runs_of
from .without_formula import WithoutFormula

closure_methods: dict[str, type[ClosureOptimizer]] = {}
"""Every closure method by its name, as the registry has every formula."""


class ClosureOptimizer(WithoutFormula, Optimizer):
    """An optimizer that evaluates the closure as often as it needs to.

    A step makes up to `max_iter` iterations and at most `max_eval` evaluations, never moves to a point that is not
    finite, and leaves the parameters at the best accepted point, also when the closure raises. The run goes on from
    step to step; `result` says why the last step stopped.

    With `deterministic=True` the accepted loss and gradient are kept for the next step. With False each step first
    evaluates its closure anew, so that every change of the gradient lies within the mini-batch of one step: Berahas,
    Nocedal & Takáč 2016, "A multi-batch L-BFGS method for machine learning". https://arxiv.org/abs/1605.06049

    A group's `lr` is its unit of length: a step along the gradient moves each group in proportion to its lr.
    """

    lr: NonNegative = 1.0
    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: Share = 1e-8
    tolerance_change: NonNegative = 1e-9
    _: KW_ONLY
    deterministic: bool = True

    takes_residuals: ClassVar[bool] = False
    """Whether the closure returns residuals rather than a loss."""
    second_order: ClassVar[bool] = False
    """Whether the method multiplies by the Hessian, so that the closure may leave out `loss.backward()`."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if cls.method is not ClosureOptimizer.method:
            closure_methods[cls.__name__] = cls

    def method(self) -> Method:
        """Return the method at its start."""
        raise NotImplementedError(f"{type(self).__name__} has no method: define method(self)")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; raises TypeError or ValueError for options that do not fit them, and adds nothing."""
        super().add_param_group(param_group)
        try:
            self.check_parameters(self.param_groups[-1])
        except (TypeError, ValueError):
            del self.param_groups[-1]
            raise

    @classmethod
    def check(cls, options: Mapping[str, Any], where: str = "") -> None:
        """Raise TypeError or ValueError for what is no count, or does not fit a group's parameters."""
        super().check(options, where)
        check_counts(cls.__name__, options, where)
        if "params" in options:
            cls.check_parameters(options)

    @classmethod
    def check_parameters(cls, group: Mapping[str, Any]) -> None:
        """Raise TypeError or ValueError for options that do not fit the parameters of their group."""

    def step(self, closure: Closure | None = None) -> Any:
        """Go down; return the loss at the start, as torch.optim.LBFGS does. `result` says why the step stopped.

        Raises TypeError without a closure, and whatever the closure raises.
        """
        if torch.compiler.is_dynamo_compiling():
            return uncompiled_step(self, closure)
        if self._is_watched():
            return _watched_step(self) if closure is None else _watched_step(self, closure)
        return plain_step(self, closure)

    # As in Optimizer: hooks and profiler ranges cost nothing when unused.
    step.hooked = True  # type: ignore[attr-defined]

    @property
    def result(self) -> Result:
        """Why the last step stopped, and what the run has cost so far."""
        return self._run().result

    @property
    def point(self) -> Point:
        """The point accepted last, with its gradient."""
        return self._run().point_in_users_units

    @property
    def free(self) -> Tensor:
        """One for each number that may move at the point accepted last, zero where a bound stops it."""
        box, point = self.current.box, self.point
        return torch.ones_like(point.x) if box is None else box.free(point.x, point.gradient)

    @property
    def current(self) -> Method:
        """The method at work, with what it remembers."""
        return self._run().method

    @keeping_grad_mode
    @without_gradients
    def descend(self, closure: Closure, callback: Callback | None = None) -> Tensor:
        """Make one step, tell `callback` of each iteration, return the loss at the start."""
        if is_rounding():
            theirs = as_around(closure), callback and as_around(callback)
            with unrounded():
                return self.descend(*theirs)
        hold_edits(self)
        vector = self.vector()
        if vector is None:
            self.result.reason = Reason.NO_GRADIENT
            return torch.as_tensor(torch.enable_grad()(closure)())
        run = self._continued(vector)
        objective = self.objective(vector, closure, self.max_eval or math.inf, run.method.box)
        objective.units = run.units
        try:
            first = self._arrive(run, vector, objective).value * run.units.loss
            run.run(objective, self.max_iter, callback and at_the_point(vector, objective, callback))
        finally:
            # Differences of gradients leave the parameters beside the last point.
            if run.here is not None and (self.second_order or objective.last is not run.here.x):
                vector.write(run.here.x)
        return torch.scalar_tensor(-first if self.maximize else first, dtype=vector.dtype, device=vector.device)

    def with_groups(self, groups: list[dict[str, Any]]) -> Self:
        """Return this optimizer as it would be with other groups, and no run; this one stays as it is."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__ | {"param_groups": groups, "_kept": None})
        return other

    def vector(self) -> Vector | None:
        """Return the parameters that may move as one vector, in the units of their groups; None without any."""
        refuse_lazy(self.param_groups, f"{type(self).__name__}.step")
        rates = [float(group["lr"]) for group in self.param_groups]
        longest = max(rates) or 1.0
        scaled = [
            (param, math.sqrt(rate / longest))
            for group, rate in zip(self.param_groups, rates, strict=True)
            for param in group["params"]
            if may_move(group, param)
        ]
        return vector_of(type(self).__name__, *zip(*scaled, strict=True)) if scaled else None

    def objective(self, vector: Vector, closure: Closure, budget: float, box: Box | None) -> Objective:
        """Return the closure as a function of one vector."""
        plain = ClosureFunction(type(self).__name__, vector, closure, self.maximize)
        if not self.second_order or isinstance(closure, ClosureWithHessian):
            return Objective(plain, budget, given_products(plain, closure), box)
        function = TwiceDifferentiable(type(self).__name__, vector, closure, self.maximize)
        return Objective(function, budget, function.times, box)

    def _continued(self, vector: Vector) -> Descent:
        """Return the run, with the options and units of today; a method of other options begins anew."""
        run, now = self._run(), made_of(type(self), self.param_groups)
        is_another = run.here is not None and not (fits(run.here.x, vector) and alike(run.scale, vector.scale))
        if is_another or not are_same(run.made_of, now):
            run.method, run.made_of = self.method(), now
            run.set_out()
        run.stopping = Stopping(float(self.tolerance_grad), float(self.tolerance_change))
        run.method.lr = max(float(group["lr"]) for group in self.param_groups)
        run.method.box = box_of(vector, self._bounds())
        run.scale = vector.scale
        run.measure()
        return run

    def _arrive(self, run: Descent, vector: Vector, objective: Objective) -> Point:
        """Return the point the parameters are at: the run's own, or evaluated anew."""
        x = vector.read() if run.method.box is None else run.method.box.project(vector.read())
        here = run.here
        if here is not None and self.deterministic and run.result.reason.is_pause and torch.equal(x, here.x):
            return here
        there = objective.at(x)
        if here is None:
            check_unmoved(type(self).__name__, vector, x)
            return run.begin(objective, there)
        run.renew(there)
        return there

    def _bounds(self) -> list[Any]:
        """Return one bound per parameter that may move."""
        return [
            bound
            for group in self.param_groups
            for param, bound in zip(group["params"], bounds_of(group), strict=True)
            if may_move(group, param)
        ]

    def _size(self) -> int:
        """Return how many numbers want a gradient; a complex one counts once."""
        params = chain.from_iterable(group["params"] for group in self.param_groups)
        return sum(param.numel() for param in params if param.requires_grad)

    def _first(self) -> Tensor:
        return cast(Tensor, next(chain.from_iterable(group["params"] for group in self.param_groups)))

    def _run(self) -> Descent:
        """Return the run: the one at work, else a new one that goes on from what was loaded."""
        run: Descent | None = self.__dict__.get("_kept")
        if run is None:
            run, first = Descent(self.method(), Stopping(), following), self._first()
            if first in self.state:
                imported(run, self.state[first], first.device)
            run.made_of = made_of(type(self), self.param_groups)
            self.__dict__["_kept"] = run
        return run

    def _keep(self) -> None:
        """Put the run into `state`, where checkpoints and copies find it."""
        run: Descent | None = self.__dict__.get("_kept")
        if run is not None and run.here is not None:
            self.state[self._first()] = exported(run)

    def state_dict(self, state_dtype: torch.dtype | None = None) -> dict[str, Any]:
        """Return options and run as plain tensors, numbers, lists and dicts."""
        self._keep()
        return super().state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Load what `state_dict()` returned, here or, for LBFGS, in torch.optim; numbers keep their precision.

        A run fits whole or not at all, strict or not. Raises ValueError, with every difference named, if it does not
        fit; then nothing has changed.
        """
        self._keep()
        checkpoint.load(self, state_dict, strict, runs_of)
        self._run()

    def __getstate__(self) -> dict[str, Any]:
        self._keep()
        return super().__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        log = Log()
        groups = [NotedGroup(log, group) for group in (self.__dict__ | state)["param_groups"]]
        torch.optim.Optimizer.__setstate__(self, state | {"_kept": None, "_log": log, "param_groups": groups})
        for group in groups:
            for name, option in type(self).options.items():
                group.setdefault(name, self.defaults.get(name, option.default))


def plain_step(optimizer: ClosureOptimizer, closure: Closure | None = None) -> Tensor:
    """Take a step that hooks and profilers do not see; raises TypeError without a closure."""
    if closure is None:
        raise TypeError(
            f"{type(optimizer).__name__}.step needs a closure, since it evaluates the loss several times: pass a "
            "function that zeroes the gradients, computes the loss, calls loss.backward() and returns the loss"
        )
    check_closure(type(optimizer).__name__, closure)
    return optimizer.descend(closure)


_watched_step = torch.optim.Optimizer.profile_hook_step(plain_step)


def at_the_point(vector: Vector, objective: Objective, callback: Callback) -> Callback:
    """Return the callback, called with the parameters at the accepted point rather than the last trial."""

    def told(here: Point, result: Result) -> object:
        # Writing what is there already would still spoil the graph that products with the Hessian need.
        if objective.last is not here.x:
            vector.write(here.x)
        return callback(here, result)

    return told
