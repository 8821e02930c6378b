"""How a formula runs."""

from collections.abc import Callable
from typing import Any

from ..formula.rule.facts import known
from ..formula.tracing.trace import formula_of
from ..state.averaged import refuse_within
from ..state.formats.keeping import formats
from ..state.initial import complete
from ..state.interrupts import keeping_grad_mode
from .before_steps import without_plans
from .closures import evaluate
from .decisions.capture import refuse_phases
from .decisions.gradients import phases, ready
from .decisions.modes import modes_around
from .decisions.rules import OVERFLOWED, accumulates, goes_ahead, has_overflowed, phase
from .eager.access import InGraph, InPlace
from .explain import explain
from .plans.collector import collector_waiting
from .plans.turns import Turns, follower_of, step_in_turn
from .plans.watch import Watch
from .sharded.local_optimizer import LocalOptimizer, WholeNeededError, is_needed
from .sharded.priming import forget_states, is_asked_for_states, make_states
from .sharded.replaced_parameters import tell_of_replaced
from .totals.metrics import Metrics

__all__ = ["Metrics", "create_states", "evaluate", "explain", "step", "without_plans"]

MOST_PLANS = 32
"""Plans kept for sets of parameters that take turns."""


def step(optimizer: Any) -> None:
    """Update each parameter that has a gradient: by the plan of last time if it still fits."""
    own = optimizer.__dict__
    if own["_local"] is not None:
        with own["_lock"]:
            own["_local"] = _step_locally(optimizer, own["_local"])
        return
    if (OVERFLOWED in own or own["_step_numbers"]) and not goes_ahead(optimizer):
        return
    watch = own["_watch"]
    if watch is None or not (step_in_turn(optimizer, watch) if watch.turns else watch.step_at_once(optimizer)):
        # Of two threads one waits: tables of addresses, and what they lead to, are those of one step at a time.
        with own["_lock"]:
            _step(optimizer)


@keeping_grad_mode
def _step_locally(
    optimizer: Any, local: LocalOptimizer, take: Callable[[Any], None] = lambda one: step(one)
) -> LocalOptimizer | None:
    """Take a step of what this process has of sharded parameters; make anew what sees them so if it does not fit."""
    try:
        if local.steps_again(optimizer):
            return local
        if not local.fits(optimizer):
            if not is_needed(optimizer):
                optimizer._local = None
                step(optimizer)
                return None
            local = local.remade(optimizer)
        local.step(optimizer, take)
    except WholeNeededError as error:
        return _step_locally(optimizer, LocalOptimizer(optimizer, {**local.whole, **error.whole}), take)
    except Exception as error:
        # Of a step that is none, nobody else need know.
        if take is not make_states:
            local.fail(error)
        raise
    return local


@keeping_grad_mode
def _step(optimizer: Any) -> None:
    watch = optimizer._watch
    if watch is None or not watch.step(optimizer):
        # The last plan may have left it to a device to see that nothing is to be done.
        if has_overflowed(optimizer):
            return
        refuse_within(optimizer, "a step")
        if not hasattr(optimizer, "_is_local") and is_needed(optimizer):
            # What is asked for is decided here, by whole gradients: all processes must do the same.
            take = make_states if is_asked_for_states(optimizer) else step
            optimizer._local = _step_locally(optimizer, LocalOptimizer(optimizer), take)
        elif not hasattr(optimizer, "_is_local") and is_asked_for_states(optimizer):
            make_states(optimizer)
        else:
            optimizer._watch = _step_otherwise(optimizer)


def _step_otherwise(optimizer: Any) -> Watch:
    """Take the step by the plan for the parameters that have gradients now; make it if there is none that fits."""
    if optimizer._primed is not None:
        forget_states(optimizer)
    refuse_phases(optimizer)
    following = follower_of(optimizer._watch)
    if following is not None and following.step(optimizer):
        return following
    plans: dict[Any, Watch] = optimizer._plans
    has_grad = tuple(param.grad is not None for group in optimizer.param_groups for param in group["params"])
    key = has_grad, phase(optimizer), accumulates(optimizer), phases(optimizer), modes_around(optimizer)()
    watch = plans.pop(key, None)
    if watch is None or not watch.step(optimizer):
        watch = _planned(optimizer)
        watch.run(optimizer)
        _forget(optimizer)
    plans[key] = watch
    if optimizer._watch is not None:
        optimizer._watch.turns = Turns(watch)
    if len(plans) > MOST_PLANS:
        del plans[next(iter(plans))]
    return watch


@collector_waiting()
def _planned(optimizer: Any) -> Watch:
    """Make a plan for the parameters that have gradients now."""
    items = ready(optimizer)
    if not items:
        tell_of_replaced(optimizer)
    return Watch(optimizer, items)


def _forget(optimizer: Any) -> None:
    """Let go of plans whose parameters or states are the optimizer's no more: they would keep them alive."""
    plans: dict[Any, Watch] = optimizer._plans
    for key in [key for key, watch in plans.items() if not watch.concerns(optimizer)]:
        del plans[key]
    own = {id(param) for group in optimizer.param_groups for param in group["params"]}
    for noted in (optimizer._versions, optimizer._counts):
        for key in noted.keys() - own:
            del noted[key]


def create_states(optimizer: Any, group: dict[str, Any]) -> None:
    """Make the states of a group's parameters before their first step, which whole numbers never take."""
    access = InGraph if group["differentiable"] else InPlace
    for param in group["params"]:
        if not (param.is_floating_point() or param.is_complex()):
            continue
        formula = formula_of(optimizer.rule_in(group), known(type(optimizer), param, group))
        kept = dict(formats(formula.rule, formula.states, param, group, {}))
        complete(optimizer.state[param], formula, param, kept, access.reader(group))
