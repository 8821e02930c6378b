"""What a parameter group may hold."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..described import described
from ..formula.rule.learned import checked_learned
from ..state.formats.keeping import fault as format_fault
from ..state.names import HAS_NONE, NEEDS_SHAPES, name_of
from .arguments import spelled
from .options_elsewhere import meant
from .traits import Traits

FOREIGN = {
    "params",
    "param_names",
    "initial_lr",
    "max_lr",
    "min_lr",
    "base_momentum",
    "max_momentum",
    "swa_lr",
}
"""Keys of a group that are no options: torch's own, and those that its schedulers add."""


def checked_group(optimizer: Traits, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the group to add, complete and in order; raises TypeError or ValueError naming what is wrong."""
    if not isinstance(group, Mapping):
        raise TypeError(f"a parameter group must be a dict with a key 'params', but got {type(group).__name__}")
    if "params" not in group:
        raise ValueError(f"a parameter group needs the key 'params', but has {', '.join(map(repr, group))}")
    index = len(optimizer.param_groups)
    checked = _options(optimizer, group, index) | {"params": _listed(group["params"])}
    _check_parameters(optimizer, checked, index)
    _name_what_is_empty(optimizer, checked)
    return {"params": checked.pop("params")} | _learned(optimizer, checked) | checked


def _name_what_is_empty(optimizer: Traits, group: dict[str, Any]) -> None:
    """Let empty groups stand beside any others: torch has all groups with names, or none."""
    others = optimizer.param_groups
    if others and not group["params"] and "param_names" in others[0]:
        group["param_names"] = []
    if any(isinstance(item, tuple) for item in group["params"]) and not any(other["params"] for other in others):
        for other in others:
            other.setdefault("param_names", [])


def _learned(optimizer: Traits, group: Mapping[str, Any]) -> dict[str, Any]:
    """Give a group what is learned so far, or the first values."""
    others = optimizer.param_groups
    if not optimizer.learned:
        return {}
    began = {**optimizer.defaults, **group}
    known = others[0] if others else checked_learned(type(optimizer), "start", optimizer.start(began))
    return {name: known[name] for name in optimizer.learned}


def _listed(params: Any) -> list[Any]:
    """Take one parameter, or any iterable of them, as a list; torch takes names off pairs itself."""
    if isinstance(params, Tensor):
        return [params]
    if isinstance(params, list | tuple) and not params:
        return []  # a group of its own may be empty: of frozen biases, or of a rank that has none
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of a set changes "
            "between runs: pass a list"
        )
    return list(iterable(params))


def iterable(params: Any) -> Any:
    """Refuse what holds no parameters: a module, an empty list, or an iterator that was used before."""
    if isinstance(params, list) and params:
        return list(params)
    if not isinstance(params, Iterable):
        raise TypeError(
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
            f"{type(params).__name__}: pass model.parameters()"
        )
    if isinstance(params, Mapping):
        raise TypeError(
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got one dict: put a "
            "group into a list, [{'params': ...}], and pass named parameters as pairs, named.items()"
        )
    # torch has its own words for a single tensor, and for a set.
    found = params if isinstance(params, Tensor | set) else list(params)
    if isinstance(found, list) and not found:
        raise ValueError(
            "optimizer got an empty parameter list: pass at least one parameter, and an iterator that nothing has used "
            "up"
        )
    return found


def _options(optimizer: Traits, group: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Check the options that the group sets itself, and those together with the defaults."""
    owner, where = type(optimizer), f" in parameter group {index}"
    options = spelled(owner, group, where)
    for name in options:
        _check_name(name, owner, where)
    own = {
        name: owner.options[name].check(value, owner.__name__, where) if name in owner.options else value
        for name, value in options.items()
        if name != "params"
    }
    complete = optimizer.defaults | own
    missing = [name for name in owner.options if name not in complete]
    if missing:
        raise TypeError(
            f"{owner.__name__} needs {missing[0]}{where}: pass it to every group or to the optimizer, for example "
            f"{owner.__name__}(params, {missing[0]}=0.1)"
        )
    # Defaults that are complete were checked together as they came.
    if index or own:
        owner.check(complete, where)
    _check_common(optimizer, complete, index)
    return own


def _check_common(optimizer: Traits, options: Mapping[str, Any], index: int) -> None:
    """See that what concerns the whole optimizer is the same in all groups."""
    for other, group in enumerate(optimizer.param_groups):
        if group.get("accumulate") != options.get("accumulate"):
            raise ValueError(
                f"accumulate must be the same in all parameter groups, but group {index} has {options['accumulate']} "
                f"and group {other} has {group['accumulate']}: pass one value for all"
            )


def check_together(owner: type[Traits], options: Mapping[str, Any], where: str = "") -> None:
    """Raise ValueError or RuntimeError where options that are fine alone do not go together."""
    _check_flags(owner, options, where)
    if hasattr(owner, "update"):
        _check_refused(owner, options, where)
        _check_decay(owner, options, where)
        _check_differentiable(owner, options, where)


def _check_flags(owner: type[Traits], options: Mapping[str, Any], where: str) -> None:
    """Refuse flags that torch.optim does not take together, in its words."""
    clash = {
        "foreach": "`fused` and `foreach` cannot be `True` together",
        "differentiable": "`fused` does not support `differentiable`",
    }
    for flag, words in clash.items():
        if options["fused"] and options[flag]:
            raise RuntimeError(f"{words}, but {owner.__name__} got both{where}: leave one out")


def _check_refused(owner: type[Traits], options: Mapping[str, Any], where: str) -> None:
    """Refuse options that would turn a rule into another method, for the class's own reason."""
    for name, why in owner.refuses.items():
        if options[name] not in (None, False):
            raise ValueError(
                f"{owner.__name__} does not take {name}={options[name]!r}{where}, since {why}: leave it out"
            )


def _check_decay(owner: type[Traits], options: Mapping[str, Any], where: str) -> None:
    """Refuse ways in which weights decay, where they do not decay, or not apart from the gradient."""
    if options["decoupled_weight_decay"] and "weight_decay" not in owner.options:
        raise ValueError(f"{owner.__name__} has no weight_decay, so it cannot be decoupled{where}: leave it out")
    decaying = [name for name in ("peak_lr", "cautious_decay") if owner.options[name].keyword_only and options[name]]
    if decaying and not options["decoupled_weight_decay"]:
        raise ValueError(
            f"{decaying[0]}={options[decaying[0]]!r} is for weights that decay apart from the gradient{where}: pass "
            f"{owner.__name__} decoupled_weight_decay=True too"
        )


def _check_differentiable(owner: type[Traits], options: Mapping[str, Any], where: str) -> None:
    """Refuse options that have no derivative, where one is asked for."""
    undifferentiated = [name for name in ("max_grad_norm", "state_dtype", "rounding") if options[name] is not None]
    if options["differentiable"] and undifferentiated:
        name = undifferentiated[0]
        raise ValueError(
            f"differentiable=True needs a derivative of every operation, but {owner.__name__} got "
            f"{name}={options[name]!r}{where}: leave one out"
        )


def _check_name(name: str, owner: type[Traits], where: str) -> None:
    """Take a key that is nearly an option for a slip, and any other for the user's own label."""
    if name in owner.options or name in FOREIGN:
        return
    if ours := meant(name, owner.options):
        raise TypeError(f"{owner.__name__} has no option {name!r}{where}: it is called {ours} here")
    near = difflib.get_close_matches(name, owner.options, n=1, cutoff=0.8)
    if near:
        raise TypeError(f"{owner.__name__} has no option {name!r}{where}: did you mean {near[0]!r}?")


def _check_parameters(optimizer: Traits, group: dict[str, Any], index: int) -> None:
    params = [item[1] if isinstance(item, tuple) and len(item) == 2 else item for item in group["params"]]
    names = [item[0] for item in group["params"] if isinstance(item, tuple)]
    called = {"params": params} | ({"param_names": names} if len(names) == len(params) else {})
    taken = {id(param) for param in chain.from_iterable(other["params"] for other in optimizer.param_groups)}
    complete = optimizer.defaults | group
    for place, param in enumerate(params):
        fault = _fault(param, taken, optimizer.defaults["differentiable"])
        fault = fault or _unfit(optimizer, param, complete)
        if fault:
            name = name_of(called, place, index) if isinstance(param, Tensor) else f"item {place} of group {index}"
            raise fault[0](f"{fault[1]}, but {name} {fault[2]}")


def _fault(param: Any, taken: set[int], differentiable: bool) -> tuple[type[Exception], str, str] | None:
    """Say what is wrong with a parameter: the error's type, the rule, and what was got."""
    if not isinstance(param, Tensor):
        return TypeError, "optimizer can only optimize Tensors", f"is {described(param)}"
    # A model may come with frozen weights in codes, such as 4-bit ones, which never get a gradient.
    if not (param.is_floating_point() or param.is_complex() or isinstance(param, nn.Parameter)):
        return TypeError, "optimizer can only optimize floating point or complex Tensors", f"is {param.dtype}"
    if not (differentiable or param.is_leaf or param.retains_grad):
        return (
            ValueError,
            "can't optimize a non-leaf Tensor",
            f"is the result of {_origin(param)}: pass a leaf, x.detach()",
        )
    if id(param) in taken:
        return (
            ValueError,
            "some parameters appear in more than one parameter group",
            "is in an earlier one too",
        )
    return None


def _unfit(optimizer: Traits, param: Tensor, group: Mapping[str, Any]) -> tuple[type[Exception], str, str] | None:
    """Say what this optimizer cannot do with a parameter, or a format."""
    if is_lazy(param) and _goes_by_shape(optimizer, param, group):
        return ValueError, f"{type(optimizer).__name__} {NEEDS_SHAPES}", HAS_NONE
    fault = optimizer.unfit(param, group)
    if fault is not None and not (isinstance(fault, tuple) and list(map(type, fault)) == [str, str]):
        raise TypeError(
            f"{type(optimizer).__name__}.unfit must return None, or two strings, the rule and how a parameter "
            f"breaks it, but returned {described(fault)}"
        )
    fault = fault or (format_fault(param, group) if hasattr(type(optimizer), "rule") else None)
    return (ValueError, *fault) if fault else None


def _goes_by_shape(optimizer: Traits, lazy: Tensor, group: Mapping[str, Any]) -> bool:
    """Tell if an optimizer asks for a shape before the first step: a lazy parameter raises where it is asked."""
    try:
        optimizer.unfit(lazy, group)
    except (RuntimeError, ValueError):
        return True
    return optimizer.keeps_state_from_start or optimizer.starts_from_parameters


def _origin(param: Tensor) -> str:
    return type(param.grad_fn).__name__
