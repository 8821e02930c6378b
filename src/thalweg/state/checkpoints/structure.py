"""What a state_dict must be like before anything in it can be looked up: dicts, lists and names where they belong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from ...described import described

WANTED = "it must have the keys 'state' and 'param_groups': pass what optimizer.state_dict() returned"


def faults(saved: Any) -> list[str]:
    """Say what is wrong with the structure of a state_dict; nothing, and all of it can be looked up."""
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= saved.keys():
        return [WANTED]
    states, groups = saved["state"], saved["param_groups"]
    if not isinstance(states, Mapping):
        return [f"its 'state' must be a dict, but is {type(states).__name__}"]
    if not isinstance(groups, list | tuple):
        return [f"its 'param_groups' must be a list, but is {type(groups).__name__}"]
    found = list(chain.from_iterable(_group(index, group) for index, group in enumerate(groups)))
    return found or [*_twice(groups), *_states(states, {key for group in groups for key in group["params"]})]


def _group(index: int, group: Any) -> Iterator[str]:
    if not isinstance(group, Mapping):
        yield f"group {index} must be a dict, but is {type(group).__name__}"
        return
    odd = [key for key in group if not isinstance(key, str)]
    if odd:
        yield f"group {index} has the key {described(odd[0])}, which is no name"
    params = group.get("params")
    if not isinstance(params, list | tuple) or not all(isinstance(key, int | str) for key in params):
        yield f"group {index} needs 'params' to be a list of numbers, but got {described(params)}"
        return
    names = group.get("param_names")
    # Where keys are names themselves, as in torch's distributed checkpoints, these may be of more parameters.
    count = None if params and all(isinstance(key, str) for key in params) else len(params)
    if "param_names" in group and not _are_names(names, count):
        yield f"group {index} needs 'param_names' to be {len(params)} names, but got {described(names)}"


def _are_names(names: Any, count: int | None) -> bool:
    is_list = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return is_list and count in (None, len(names))


def _twice(groups: Any) -> Iterator[str]:
    """Find keys of parameters that stand in more than one place."""
    counts = Counter(key for group in groups for key in group["params"])
    twice = sorted({str(key) for key, count in counts.items() if count > 1})
    if twice:
        yield f"its groups name the parameters {', '.join(twice)} more than once"


def _states(states: Mapping[Any, Any], params: set[Any]) -> Iterator[str]:
    """Find states that are no dicts, and those of parameters that no group names."""
    for key, state in states.items():
        if key in params and not isinstance(state, Mapping):
            yield f"its state of parameter {key} must be a dict, but is {type(state).__name__}"
        elif key in params and not all(isinstance(name, str) for name in state):
            yield f"its state of parameter {key} has a key that is no name"
        elif isinstance(key, int) and key not in params:
            yield f"it has a state of parameter {key}, which no group names"
