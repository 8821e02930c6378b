"""Groups as torch's distributed checkpoints hand them over: names of parameters are keys, and empty groups get lost.

`get_optimizer_state_dict` calls parameters by their names in the model, and `set_optimizer_state_dict` brings them in
the order that they have here. What an optimizer had saved of names besides may then be in another order, or of more
parameters. Of groups without parameters it may bring nothing at all, so the others carry their options along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PARAMS, NAMES = "params", "param_names"

EMPTY = "empty_groups"
"""The key under which a group that has parameters carries the options of those that have none, by their places."""


def with_empty_ones(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Let each saved group that has parameters carry the options of those that have none."""
    empty = {str(place): _options(group) for place, group in enumerate(groups) if not group[PARAMS]}
    return [{**group, **({EMPTY: empty} if empty and group[PARAMS] else {})} for group in groups]


def brought_home(saved: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give keys that are names their place as names, and empty groups the options that others carry for them.

    An empty group of which nothing was saved keeps what it has.
    """
    groups = [_with_own_names(group) for group in saved["param_groups"]]
    carried: Any = next((group[EMPTY] for group in groups if isinstance(group.get(EMPTY), Mapping)), {})
    for place, group in enumerate(groups):
        group.pop(EMPTY, None)
        if place < len(ours) and not (group[PARAMS] or _options(group)):
            group.update(carried.get(str(place)) or _options(ours[place]))
    return {**saved, "param_groups": groups}


def _with_own_names(group: Mapping[str, Any]) -> dict[str, Any]:
    """Take keys for names where they are the same ones; names of other parameters say nothing of these."""
    new, keys = dict(group), list(group[PARAMS])
    if NAMES in group and keys and all(isinstance(key, str) for key in keys):
        if set(keys) == set(group[NAMES]):
            new[NAMES] = keys
        elif len(keys) != len(group[NAMES]):
            del new[NAMES]
    return new


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in (PARAMS, NAMES, EMPTY)}
