"""Checkpoints: what is loaded, checked whole before anything changes; torch.optim's and our own are one format."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from torch import Tensor

from ..formula.rule import Rule
from .blocks import SCALE, Blocks
from .convert import as_dtype, converted
from .entries import plain
from .formats import Format
from .initial import counted, number
from .keeping import BESIDE
from .matching import match
from .names import named

FORMATS = ("state_dtype", "rounding")
"""The options that belong to the optimizer, and not to what it has learned."""


def load(optimizer: Any, state_dict: Mapping[str, Any], strict: bool) -> None:
    """Replace an optimizer's options and states by saved ones; raises ValueError if they do not fit.

    If it need not be strict, what fits is taken, and the rest stays as it is. Unlike in torch.optim, parameters are
    matched by name where both sides have names, and states keep the dtype they were saved with.
    """
    saved = _through_hooks(optimizer, dict(state_dict))
    if not {"state", "param_groups"} <= saved.keys():
        raise _refusal(
            optimizer, "it must have the keys 'state' and 'param_groups': pass what optimizer.state_dict() returned"
        )
    found = match(optimizer.param_groups, saved["param_groups"])
    misfits = dict(_misfits(optimizer, saved["state"], found.params))
    faults = found.faults or [*_option_faults(optimizer, found.groups), *chain.from_iterable(misfits.values())]
    if strict and faults:
        raise _refusal(optimizer, "; ".join(faults))
    groups = [_group(old, new, strict) for old, new in zip(optimizer.param_groups, found.groups, strict=True)]
    state = defaultdict(dict, {} if strict else optimizer.state)
    for key, value in saved["state"].items():
        if key not in misfits and (key in found.params or not isinstance(key, int)):
            state[found.params.get(key, key)] = _placed(value, found.params.get(key))
    for group in groups if hasattr(optimizer, "rule") else ():
        for param in group["params"]:
            if isinstance(state.get(param), dict):
                state[param] = converted(optimizer.rule, state[param], param, optimizer.defaults | group)
    optimizer.__setstate__({"state": state, "param_groups": groups})
    for hook in optimizer._optimizer_load_state_dict_post_hooks.values():
        hook(optimizer)


def saved(optimizer: Any, packed: dict[str, Any], state_dtype: Any) -> dict[str, Any]:
    """Complete what torch.optim has packed: with states as plain dicts, of one dtype if one is asked for."""
    states = plain(packed["state"])
    if state_dtype is not None:
        for group, numbers in zip(optimizer.param_groups, packed["param_groups"], strict=True):
            for param, key in zip(group["params"], numbers["params"], strict=True):
                if key in states:
                    states[key] = as_dtype(optimizer.rule, states[key], param, group, state_dtype)
    return packed | {"state": states}


def _refusal(optimizer: Any, why: str) -> ValueError:
    return ValueError(f"cannot load this state_dict into {type(optimizer).__name__}: {why}")


def modernize(optimizer: Any) -> None:
    """Add what older versions, of this library or of torch.optim, did not save."""
    for group in optimizer.param_groups:
        for name, option in type(optimizer).options.items():
            group[name] = option.settled(group.get(name, optimizer.defaults.get(name, option.default)))
        for name, value in optimizer.start(group).items():
            group.setdefault(name, value)
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


def _option_faults(optimizer: Any, groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Find the options that an optimizer of this kind would have saved, but are not there."""
    owner = type(optimizer)
    for index, group in enumerate(groups):
        missing = [name for name, option in owner.options.items() if name not in group and not option.is_switch]
        if missing:
            yield f"group {index} has no {', '.join(missing)}, so another optimizer saved it"


def _misfits(
    optimizer: Any, states: Mapping[Any, Any], params: Mapping[Any, Tensor]
) -> Iterator[tuple[Any, list[str]]]:
    """Find the saved parameters with states of another name or shape than this optimizer keeps, and say which."""
    names = {id(param): name for name, param in named(optimizer.param_groups)}
    for key, param in params.items():
        saved = states.get(key, {})
        tensors = {name: value for name, value in saved.items() if isinstance(value, Tensor)}
        faults = [_state_fault(optimizer.rule, name, tensors, param) for name in tensors]
        if any(faults):
            yield key, [f"{names[id(param)]} has {fault}" for fault in faults if fault]


def _state_fault(rule: Rule, name: str, saved: Mapping[str, Tensor], param: Tensor) -> str | None:
    quantity = "param" if name in BESIDE else name.removesuffix(SCALE)
    if quantity not in {"step", "param", *rule.states}:
        own = [state for state in rule.states if state not in rule.wide]
        return f"a state {name!r}, but {rule.owner.__name__} keeps {', '.join(own) or 'none'}"
    shape = tuple(saved[name].shape)
    if quantity == "step" or quantity in rule.scalars or shape in _shapes(name, saved, param):
        return None
    return f"shape {tuple(param.shape)}, but its {name} has {shape}"


def _shapes(name: str, saved: Mapping[str, Tensor], param: Tensor) -> list[tuple[int, ...]]:
    """List the shapes that a state may have: where it has scales, those of 8 and of 4 bits."""
    if name.endswith(SCALE):
        return [Blocks().parts[1].shape(param)]
    forms = [Blocks(), Blocks(bits=4)] if name + SCALE in saved else [Format(saved[name].dtype)]
    return [form.parts[0].shape(param) for form in forms]


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


def _group(old: dict[str, Any], new: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    """Take the saved options, and keep the parameters, their names if they have any, and the formats."""
    kept = {name: old[name] for name in ("params", "param_names", *FORMATS) if name in old}
    taken = {name: value for name, value in new.items() if strict or name in old}
    return ({} if strict else old) | deepcopy({name: value for name, value in taken.items() if name != "params"}) | kept
