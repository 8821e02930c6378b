"""Checkpoints: what is loaded, checked whole before anything changes; torch.optim's and our own are one format."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

from torch import Tensor

from ..formula.rule import Rule
from .initial import counted, number
from .names import named


def load(optimizer: Any, state_dict: Mapping[str, Any]) -> None:
    """Replace an optimizer's options and states by saved ones; raises ValueError if they do not fit.

    Unlike in torch.optim, states keep the dtype they were saved with, and share no memory with the state_dict.
    """
    saved = _through_hooks(optimizer, dict(state_dict))
    faults = list(_faults(optimizer, saved))
    if faults:
        raise ValueError(f"cannot load this state_dict into {type(optimizer).__name__}: {'; '.join(faults)}")
    params = _matched(optimizer, saved)
    state: defaultdict[Any, Any] = defaultdict(dict)
    for key, value in saved["state"].items():
        state[params.get(key, key)] = _placed(value, params.get(key))
    groups = [_group(old, new) for old, new in zip(optimizer.param_groups, saved["param_groups"], strict=True)]
    optimizer.__setstate__({"state": state, "param_groups": groups})
    for hook in optimizer._optimizer_load_state_dict_post_hooks.values():
        hook(optimizer)


def modernize(optimizer: Any) -> None:
    """Add what older versions, of this library or of torch.optim, did not save."""
    for group in optimizer.param_groups:
        for name, option in type(optimizer).options.items():
            group[name] = option.settled(group.get(name, optimizer.defaults.get(name, option.default)))
    rule: Rule = optimizer.rule
    for state in optimizer.state.values():
        for name in {"step", *rule.scalars}.intersection(state) if isinstance(state, dict) else ():
            if not isinstance(state[name], Tensor):
                state[name] = counted(rule, state[name]) if name == "step" else number(float(state[name]))


def _through_hooks(optimizer: Any, state_dict: dict[str, Any]) -> dict[str, Any]:
    for hook in optimizer._optimizer_load_state_dict_pre_hooks.values():
        replaced = hook(optimizer, state_dict)
        state_dict = state_dict if replaced is None else replaced
    return state_dict


def _faults(optimizer: Any, saved: Mapping[str, Any]) -> Iterator[str]:
    """Name everything about a state_dict that does not fit the optimizer."""
    if not {"state", "param_groups"} <= saved.keys():
        yield "it must have the keys 'state' and 'param_groups': pass what optimizer.state_dict() returned"
        return
    ours, theirs = optimizer.param_groups, saved["param_groups"]
    if len(ours) != len(theirs):
        yield (
            f"loaded state dict has a different number of parameter groups ({len(theirs)}, but the optimizer has "
            f"{len(ours)})"
        )
        return
    sizes = [(len(group["params"]), len(other["params"])) for group, other in zip(ours, theirs, strict=True)]
    for index, (here, there) in enumerate(sizes):
        if here != there:
            yield (
                f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group "
                f"(group {index} has {there} parameters, but the optimizer's has {here})"
            )
    if all(here == there for here, there in sizes):
        yield from _option_faults(optimizer, theirs)
        yield from _state_faults(optimizer, saved)


def _option_faults(optimizer: Any, groups: list[dict[str, Any]]) -> Iterator[str]:
    """Find the options that an optimizer of this kind would have saved, but are not there."""
    owner = type(optimizer)
    for index, group in enumerate(groups):
        missing = [name for name, option in owner.options.items() if name not in group and not option.is_switch]
        if missing:
            yield f"group {index} has no {', '.join(missing)}, so another optimizer saved it"


def _state_faults(optimizer: Any, saved: Mapping[str, Any]) -> Iterator[str]:
    """Find states of another name or shape than this optimizer keeps."""
    rule = optimizer.rule
    known = {"step", *rule.states}
    names = {id(param): name for name, param in named(optimizer.param_groups)}
    for key, param in _matched(optimizer, saved).items():
        for state, value in saved["state"].get(key, {}).items():
            if isinstance(value, Tensor) and state not in known:
                yield f"{names[id(param)]} has a state {state!r}, but {rule.owner.__name__} keeps {_list(rule.states)}"
            elif (
                isinstance(value, Tensor)
                and state in rule.states
                and state not in rule.scalars
                and value.shape != param.shape
            ):
                yield f"{names[id(param)]} has shape {tuple(param.shape)}, but its {state} has {tuple(value.shape)}"


def _list(states: tuple[str, ...]) -> str:
    return ", ".join(states) or "none"


def _matched(optimizer: Any, saved: Mapping[str, Any]) -> dict[Any, Tensor]:
    """Match the saved parameters with ours, in order."""
    ids = chain.from_iterable(group["params"] for group in saved["param_groups"])
    params = chain.from_iterable(group["params"] for group in optimizer.param_groups)
    return dict(zip(ids, params, strict=True))


def _placed(value: Any, param: Tensor | None) -> Any:
    """Copy a saved value; states go to their parameter's device, single numbers stay on the CPU."""
    if isinstance(value, dict):
        return {name: _placed(item, param) for name, item in value.items()}
    if not isinstance(value, Tensor):
        return deepcopy(value)
    if value.is_sparse:
        # torch.optim's SGD keeps the momentum of sparse gradients so; the numbers are the same.
        value = value.to_dense()
    stays = param is None or (value.dim() == 0 and value.device.type == "cpu" and param.dim() > 0)
    return value.detach().clone() if stays or param is None else value.detach().clone().to(param.device)


def _group(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Take the saved options, and keep the parameters, with their names if the saved ones have none."""
    kept = {name: old[name] for name in ("params", "param_names") if name in old}
    return kept | deepcopy({name: value for name, value in new.items() if name != "params"})
