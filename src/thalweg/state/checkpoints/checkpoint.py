"""Checkpoints: what is loaded, checked whole before anything changes; torch.optim's and our own are one format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

from torch import Tensor

from ...described import described
from ...distributed.local_parameter import LocalParameter
from ...distributed.shards import is_sharded
from ...formula.rule.rule import Rule
from ..averaged import refuse_within
from ..entries import States, plain
from ..formats.convert import as_dtype, taken_in
from ..formats.keeping import fault as format_fault
from ..layout import whole
from ..names import named, refuse_lazy
from . import parts, structure
from .foreign_groups import brought_home, with_empty_ones
from .loaded import CannotCopyError, Wanted, copied, group_faults, state_faults, together, with_checked, with_tensors
from .matching import Match, match
from .sharded import faults, whole_states

FORMATS = ("state_dtype", "rounding")
"""The options that belong to the optimizer, and not to what it has learned."""

Groups: TypeAlias = list[dict[str, Any]]
Fitting: TypeAlias = Callable[[dict[str, Any], Tensor, Mapping[str, Any]], tuple[dict[str, Any], list[str]]]
"""Takes a copy of what was saved of a parameter, the parameter and its new group; returns what is to be kept of it, and
what is wrong with it, in words that follow the parameter's name."""


def load(
    optimizer: Any,
    state_dict: Mapping[str, Any],
    strict: bool,
    fitting: Callable[[Any, Match, Groups], Fitting],
) -> None:
    """Replace an optimizer's options and states by saved ones; raises ValueError if they do not fit.

    If it need not be strict, what fits is taken, and the rest stays as it is. Unlike in torch.optim, parameters are
    matched by name where both sides have names, and states that are wider than their parameter stay so. All is checked
    and made before the old is exchanged for it in one move. `fitting` makes what checks the states of all new groups.
    """
    refuse_within(optimizer, "load_state_dict()")
    refuse_lazy(optimizer.param_groups, "load_state_dict")
    saved = _through_hooks(optimizer, state_dict)
    _refuse(optimizer, structure.faults(saved))
    saved = brought_home(saved, optimizer.param_groups)
    found = match(optimizer.param_groups, saved["param_groups"])
    _refuse(optimizer, found.faults if strict else [])
    groups, faults = _groups(optimizer, found, strict)
    states, misfits = _states(saved["state"], found, groups, fitting(optimizer, found, groups))
    if strict:
        _refuse(optimizer, [*faults, *misfits])
    optimizer.__setstate__({"state": states if strict else {**optimizer.state, **states}, "param_groups": groups})
    for hook in optimizer._optimizer_load_state_dict_post_hooks.values():
        hook(optimizer)


def saved(optimizer: Any, packed: dict[str, Any], state_dtype: Any) -> dict[str, Any]:
    """Complete what torch.optim has packed: with states as plain dicts, of one dtype if one is asked for."""
    states = plain(packed["state"])
    if optimizer._local:
        optimizer._local.warn_before_first_step(optimizer)
    for group, numbers in zip(optimizer.param_groups, packed["param_groups"], strict=True):
        for param, key in zip(group["params"], numbers["params"], strict=True):
            if isinstance(states.get(key), dict):
                own = optimizer._local.everywhere(param, states[key]) if optimizer._local else states[key]
                states[key] = parts.shown_whole(optimizer, group, param, own)
    if state_dtype is not None:
        for group, numbers in zip(optimizer.param_groups, packed["param_groups"], strict=True):
            for param, key in zip(group["params"], numbers["params"], strict=True):
                if key in states:
                    states[key] = as_dtype(optimizer.rule_in(group), states[key], param, group, state_dtype)
    return packed | {"state": states, "param_groups": with_empty_ones(packed["param_groups"])}


def modernized(optimizer: Any, defaults: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a group what older versions, of this library or of torch.optim, did not save."""
    options = type(optimizer).options.items()
    values = {name: option.settled(group.get(name, defaults.get(name, option.default))) for name, option in options}
    complete = {**group, **values}
    return {**optimizer.start(complete), **complete}


def modernized_states(optimizer: Any, states: Mapping[Any, Any], groups: Sequence[Mapping[str, Any]]) -> States:
    """Make numbers that older versions kept as Python's the tensors that they are now."""
    new = dict(states)
    for group in groups:
        for param in group["params"]:
            if isinstance(new.get(param), dict):
                new[param] = with_tensors(optimizer.rule_in(group), new[param], group)
    return States(new)


def _refuse(optimizer: Any, faults: Sequence[str]) -> None:
    if faults:
        raise ValueError(f"cannot load this state_dict into {type(optimizer).__name__}: {'; '.join(faults)}")


def _through_hooks(optimizer: Any, state_dict: Any) -> Any:
    """Let hooks see a copy, as they may change it; what is no dict has none."""
    given = dict(state_dict) if isinstance(state_dict, Mapping) else state_dict
    for hook in optimizer._optimizer_load_state_dict_pre_hooks.values():
        replaced = hook(optimizer, given)
        given = given if replaced is None else replaced
    return given


def _groups(optimizer: Any, found: Match, strict: bool) -> tuple[Groups, list[str]]:
    """Make the new groups, and say what is wrong with the saved ones; if need be, that is left out."""
    groups: Groups = []
    faults: list[str] = []
    for index, (old, new) in enumerate(zip(optimizer.param_groups, found.groups, strict=True)):
        group, wrong = _group(optimizer, index, old, new, strict)
        # What is wrong stays as it is, so that states can be looked at all the same.
        groups.append(modernized(optimizer, optimizer.defaults, dict(old)) if strict and wrong else group)
        faults += wrong
    return groups, faults or list(_clashes(optimizer, groups))


def _group(
    optimizer: Any, index: int, old: dict[str, Any], new: Mapping[str, Any], strict: bool
) -> tuple[dict[str, Any], list[str]]:
    """Take the saved options, and keep the parameters, their names if they have any, and the formats."""
    wrong = group_faults(optimizer, index, new)
    faults = [*_missing(optimizer, index, new), *chain.from_iterable(wrong.values())]
    try:
        taken = copied({name: new[name] for name in new if name not in wrong and (strict or name in old)})
    except CannotCopyError as error:
        return dict(old), [*faults, f"a value of group {index} of type {error}"]
    taken.pop("params", None)
    taken = with_checked(optimizer, taken)
    kept = {name: old[name] for name in ("params", "param_names", *FORMATS) if name in old}
    group = modernized(optimizer, optimizer.defaults, ({} if strict and not faults else dict(old)) | taken | kept)
    clashes = together(optimizer, index, group)
    return (dict(old) if clashes else group), faults or clashes


def _missing(optimizer: Any, index: int, group: Mapping[str, Any]) -> Iterator[str]:
    """Find the options that an optimizer of this kind would have saved, but are not there.

    Versions that did not know an option left it at its default: what is chosen, or given by name alone.
    """
    owner = type(optimizer)
    names = [name for name, option in owner.options.items() if name not in group and not option.is_switch]
    missing = [name for name in names if name not in owner.around and not owner.options[name].keyword_only]
    if missing:
        yield f"group {index} has no {', '.join(missing)}, so another optimizer saved it"


def _clashes(optimizer: Any, groups: Groups) -> Iterator[str]:
    """Find groups that do not go together, and parameters that do not go with what is asked for them."""
    for index, options in enumerate(groups):
        if options.get("accumulate") != groups[0].get("accumulate"):
            yield f"accumulate must be the same in all groups, but group {index} has {options['accumulate']!r}"
    for name, param, group in _members(groups):
        fault = optimizer.unfit(param, group) or (format_fault(param, group) if hasattr(optimizer, "rule") else None)
        if fault:
            yield f"{fault[0]}, but {name} {fault[1]}"
        # An optimizer that was made to be differentiable may get other parameters before its step.
        is_new = group["differentiable"] and not optimizer.defaults["differentiable"]
        if is_new and param.is_leaf and param.requires_grad:
            yield f"differentiable=True is for parameters that are no leaves, but {name} is one: pass param.clone()"


def _members(groups: Groups) -> Iterator[tuple[str, Tensor, Mapping[str, Any]]]:
    """Walk over all parameters, each with what it is called, and its group."""
    owners = (group for group in groups for _ in group["params"])
    return ((name, param, group) for (name, param), group in zip(named(groups), owners, strict=True))


def _states(
    saved: Mapping[Any, Any], found: Match, groups: Groups, fitted: Fitting
) -> tuple[dict[Any, Any], list[str]]:
    """Make the new states of all parameters, and say what is wrong with those that do not fit."""
    states: dict[Any, Any] = {}
    faults: list[str] = []
    keys = {id(param): key for key, param in found.params.items()}
    for name, param, group in _members(groups):
        state = saved.get(keys.get(id(param)))
        if state is None:
            continue
        try:
            new, wrong = fitted(copied(state, param), param, group)
        except CannotCopyError as error:
            wrong = [f"has a state of type {error}"]
        faults += [f"{name} {fault}" for fault in wrong]
        if not wrong:
            states[param] = new
    return {**_foreign(saved, found, faults), **states}, faults


def states_of_rule(optimizer: Any, found: Match, groups: Groups) -> Fitting:
    """Hold saved states to a formula, and make them of the formats that are asked for."""
    others, wanted = _known_states(optimizer), Wanted()

    def fitted(state: dict[str, Any], param: Tensor, group: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        rule = optimizer.rule_in(group)
        own = parts.local_of(optimizer, param)
        if own is not None and parts.is_by_part(rule, param, group):
            return _fitted_part(rule, own, state, group, others, wanted, is_divided=not is_sharded(param))
        if own is not None and not is_sharded(param):
            # Its owner has all of it.
            state = {name: whole(value) for name, value in state.items()}
        wrong = state_faults(rule, state, param, group, others, wanted)
        return ({} if wrong else taken_in(rule, with_tensors(rule, state, group), param, group)), wrong

    return fitted


def _fitted_part(
    rule: Rule,
    own: LocalParameter,
    state: Mapping[str, Any],
    group: Mapping[str, Any],
    others: frozenset[str],
    wanted: Wanted,
    is_divided: bool,
) -> tuple[dict[str, Any], list[str]]:
    """Do the same with what this process has of a parameter and its states."""
    numbers = {"step", *rule.scalars}
    mine = {name: value if name in numbers else parts.taken(own, value, is_divided) for name, value in state.items()}
    left = {name: value for name, value in mine.items() if value is state[name]}
    wrong = [*faults(own, left, numbers)] or state_faults(rule, mine, own, group, others, wanted)
    if wrong:
        return {}, wrong
    return whole_states(own, taken_in(rule, with_tensors(rule, mine, group), own, group), numbers), []


def _foreign(saved: Mapping[Any, Any], found: Match, faults: list[str]) -> dict[Any, Any]:
    """Copy what others keep among the states, under keys of their own."""
    kept = {}
    for key in saved:
        if key not in found.params and not isinstance(key, int):
            try:
                kept[key] = copied(saved[key])
            except CannotCopyError as error:
                faults.append(f"its state under {described(key)} of type {error}")
    return kept


def _known_states(optimizer: Any) -> frozenset[str]:
    """Name the states of all optimizers there are: one of another's is a sign that another one saved it."""
    waiting, found = [cls for cls in type(optimizer).__mro__ if hasattr(cls, "options")], set()
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        found |= set(cls.rule.states) if hasattr(cls, "rule") else set()
    return frozenset(found)
