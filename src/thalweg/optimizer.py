"""Optimizer: typed fields in, groups kept, each step handed to the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import torch
from torch import Tensor
from torch.optim.optimizer import _global_optimizer_post_hooks as _global_post_hooks
from torch.optim.optimizer import _global_optimizer_pre_hooks as _global_pre_hooks

from . import engine
from .definition.arguments import defaults_of
from .definition.classes import check_steps, define
from .definition.groups import check_together, checked_group, iterable
from .definition.inside_update import InsideUpdate
from .definition.presentation import Shown
from .definition.traits import Traits
from .definition.written_for_torch import WrittenForTorch, is_written_for_torch, keep_torchs_ways
from .engine.closures import check_closure as check_closure
from .engine.decisions.reasons import checked_engine
from .hyper import Count, Fraction, NonNegative, OneOf, Positive, Seed, declared
from .state.averaged import swapped_in
from .state.checkpoints import checkpoint
from .state.entries import States
from .state.formats.keeping import ROUNDINGS, STATE_DTYPES
from .state.memory import Memory, memory_of
from .state.noted import Log, NotedGroup, OneParameter
from .uncompiled import Uncompiled, uncompiled

Parameters: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]
Closure: TypeAlias = Callable[[], Any]
StateDtype: TypeAlias = Annotated[Any, OneOf((None, *STATE_DTYPES))]
Rounding: TypeAlias = Annotated[Any, OneOf((None, *ROUNDINGS))]

# Looked up once: each step asks it.
_is_profiling = torch.autograd._profiler_enabled  # type: ignore[attr-defined]

registry: dict[str, type[Optimizer]] = {}
"""Every optimizer there is, by the name of its class."""


class Optimizer(InsideUpdate, Traits, Shown, Uncompiled):
    """An optimizer is its fields (the hyper-parameters) and one formula, `update`.

    A subclass declares each hyper-parameter as a typed field, in the order of the signature, and `update(self, param,
    grad, *states)`: arguments vary per element; `self` holds what is one number per group (the options) or parameter
    (`step_count`, `is_first_step`, `param_index`, its place in the optimizer); what is returned is the new parameter
    and the new states, in the order received. A Python `if` decides on options, and on what is known of a parameter:
    `shape`, `ndim`, `numel`, `is_matrix`, `rows` and `columns`, and its dtype's `machine_epsilon`; which dimensions are
    rows, `sides` says. `range(self.n)` takes a whole number of the options. States start as zeros, or as the number
    that a method `initial_<state>` returns, and are kept only under the options that need them.

    Shapes, dtypes and layouts are those of torch.optim: states have the parameter's shape and dtype; formulas are
    evaluated in float32 for bfloat16 and float16 parameters, else in the parameter's own precision.

    Raises TypeError and ValueError, before anything changes, for what cannot be optimized or is out of range.
    """

    params: Parameters
    _: KW_ONLY
    maximize: bool = False
    foreach: bool | None = None
    capturable: bool = False
    differentiable: bool = False
    fused: bool | None = None
    max_grad_norm: Positive | None = None
    max_tensor_norm: Positive | None = None
    clip_value: Positive | None = None
    skip_nonfinite: bool = False
    accumulate: Count = 1
    gradient_centralization: bool = False
    decoupled_weight_decay: bool = False
    peak_lr: Positive | None = None
    cautious_decay: bool = False
    cautious: bool = False
    hyperball: bool = False
    ema_decay: Fraction | None = None
    lookahead: Count | None = None
    lookahead_alpha: Fraction = 0.5
    grokfast: NonNegative | None = None
    grokfast_decay: Fraction = 0.98
    state_dtype: StateDtype = None
    rounding: Rounding = None
    seed: Seed = 0
    track: bool = False
    if TYPE_CHECKING:
        # No option of a group: it belongs to the optimizer, and no checkpoint keeps it.
        engine: str = "auto"

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if is_written_for_torch(cls, Optimizer):
            keep_torchs_ways(cls)
        elif define(cls, Optimizer):
            registry[cls.__name__] = cls

    def __init__(self, params: Parameters, *values: Any, **keywords: Any) -> None:
        if isinstance(self, WrittenForTorch):
            super().__init__(params, *values, **keywords)
            return
        check_steps(type(self), Optimizer)
        self.engine = checked_engine(keywords.pop("engine", "auto"), type(self).__name__)
        self._metrics, self._first_index, self._in_backward = engine.Metrics(), 0, False
        self._division: Any = None
        self._forget_plans()
        defaults = defaults_of(type(self), values, keywords)
        super().__init__(iterable(params), defaults)
        self.state = States(self.state)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say what is wrong with an optimizer that has no groups: nobody has made them."""
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name == "param_groups":
                text = (
                    f"{type(self).__name__} has no parameters yet: let its __init__ begin with "
                    "super().__init__(params, ...), which takes the options, too"
                )
            raise AttributeError(text, name=name, obj=self)

    @classmethod
    def that_take(cls, layout: torch.layout) -> list[str]:
        """Name the optimizers that take gradients of a layout."""
        return sorted(name for name, other in registry.items() if layout in other.layouts)

    @classmethod
    def check(cls, options: Mapping[str, Any], where: str = "") -> None:
        """Raise ValueError or RuntimeError where options that are fine alone do not go together."""
        check_together(cls, options, where)

    @uncompiled
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; options left out are the optimizer's.

        Raises TypeError or ValueError, and adds nothing, for a parameter that cannot be optimized or a bad option.
        """
        super().add_param_group(checked_group(self, param_group))
        log: Log = self.__dict__["_log"]
        self.param_groups[-1] = NotedGroup(log, self.param_groups[-1])
        log.note_checked()
        if self.keeps_state_from_start:
            engine.create_states(self, self.param_groups[-1])

    def step(self, closure: Closure | None = None) -> Any:
        """Update every parameter that has a gradient, once; return the closure's loss, if there is a closure.

        A closure zeroes the gradients, computes the loss, calls `loss.backward()` and returns the loss. A step that
        fails leaves parameters and states as they were. `explain()`, `memory()` and `metrics` tell what it does.

        Raises RuntimeError for gradients that are sparse or do not fit their parameters, TypeError or RuntimeError
        for a closure that returns None or after which no parameter has a gradient.
        """
        # By its full name, which the compiler knows.
        if torch.compiler.is_dynamo_compiling():
            return uncompiled_step(self, closure)
        if self._is_watched():
            return _watched_step(self) if closure is None else _watched_step(self, closure)
        return plain_step(self, closure)

    # torch.optim wraps `step` for hooks and profiler ranges unless it is marked; here they cost nothing when unused.
    step.hooked = True  # type: ignore[attr-defined]

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """Tell torch.amp.GradScaler, and trainers, to leave unscaling to the step: where `fused=True`, as in torch."""
        return self.defaults["fused"] is True

    def _is_watched(self) -> Any:
        return (
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_pre_hooks
            or _global_post_hooks
            or _is_profiling()
        )

    def state_dict(self, state_dtype: torch.dtype | None = None) -> dict[str, Any]:
        """Return options and states, in the form of torch.optim, ready for torch.save.

        With `state_dtype=torch.float32`, say, states of any format become plain tensors, which torch.optim loads.
        """
        packed: dict[str, Any] = super().state_dict()
        return checkpoint.saved(self, packed, state_dtype) if "state" in packed else packed

    @uncompiled
    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Load what `state_dict()` returned, here or in torch.optim.

        Where both sides have names (`named_parameters()`), they are matched, in whatever order. With `strict=False`
        whatever fits is taken, and the rest stays as it is. `state_dtype` and `rounding` stay this optimizer's own:
        states are converted. Without `state_dtype`, states that are wider than their parameter stay so.

        Raises ValueError, with every difference named, if it does not fit; then nothing has changed.
        """
        checkpoint.load(self, state_dict, strict, checkpoint.states_of_rule)

    @uncompiled
    def memory(self) -> Memory:
        """Count the bytes of parameters, gradients, states and compensation, in each group and in all.

        Before the first step it tells what will be there after it. `print(optimizer.memory())` shows a table. Of what
        is divided among processes, it counts what all of them have together, without copies.
        """
        return memory_of(self)

    def averaged(self) -> AbstractContextManager[None]:
        """Put the averaged parameters in the place of the parameters: `with optimizer.averaged(): ...`.

        They are the running means that `ema_decay` keeps, or the average that is the result of a Schedule-Free rule.

        Raises RuntimeError if there are none.
        """
        return swapped_in(self)

    def only(self, group: dict[str, Any], param: Tensor, index: int) -> Self:
        """Return this optimizer for one of its parameters, with the same options and states, live."""
        one = object.__new__(type(self))
        one.__dict__.update(self.__dict__ | {"param_groups": [OneParameter(group, param)], "_first_index": index})
        one._forget_plans()
        return one

    @uncompiled
    def explain(self) -> str:
        """Say which engine updates which parameters, and where it is not the fastest, why."""
        return engine.explain(self)

    @property
    def metrics(self) -> dict[str, float]:
        """What is known of the last step, and counts since the start.

        `grad_norm` where gradients are looked at (`max_grad_norm`, `skip_nonfinite`) or `track=True`, before they are
        shortened; with `track=True` also `update_to_weight`, the norm of the last update over that of all parameters;
        `clipped` and `skipped` count steps whose gradients were shortened together, or left out as not finite.
        """
        return self._metrics.report()

    def _forget_plans(self) -> None:
        self.__dict__.update(engine.without_plans(Log()))

    def __getstate__(self) -> dict[str, Any]:
        # A scheduler hides `step` behind a wrapper that is bound to this very optimizer: a copy has its own.
        own = {name: value for name, value in self.__dict__.items() if not hasattr(type(self), name)}
        return super().__getstate__() | {name: value for name, value in own.items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        own, log = self.__dict__ | state, Log()
        groups = [checkpoint.modernized(self, own.get("defaults", {}), group) for group in own["param_groups"]]
        # All is made by now, and put in place at once, as the first thing that torch does.
        super().__setstate__(
            state
            | {"state": checkpoint.modernized_states(self, own["state"], groups)}
            | {"param_groups": [NotedGroup(log, group) for group in groups]}
            | {"_metrics": own.get("_metrics") or engine.Metrics(), "_first_index": 0}
            | {"_in_backward": own.get("_in_backward", False), "_division": own.get("_division")}
            # Other processes may wait for what they have agreed on, whatever is loaded here.
            | engine.without_plans(log)
            | {"_agreement": own.get("_agreement")}
        )


def plain_step(optimizer: Optimizer, closure: Closure | None = None) -> Any:
    """Take a step that hooks and profilers do not see."""
    loss = None if closure is None else engine.evaluate(optimizer, closure)
    engine.step(optimizer)
    return loss


# What torch.compile traces is the model; a step is machine code already, and runs between two of its graphs.
uncompiled_step = uncompiled(lambda optimizer, closure: optimizer.step(closure))
_watched_step = torch.optim.Optimizer.profile_hook_step(plain_step)

_flags = ("maximize", "foreach", "capturable", "differentiable", "fused")
Optimizer.options = {name: option for name, option in declared(Optimizer).items() if name in _flags}
Optimizer.around = {name: option for name, option in declared(Optimizer).items() if name not in _flags}
