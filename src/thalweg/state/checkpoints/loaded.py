"""What was saved, piece by piece: copied to where it belongs, and what is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...formula.around.training_loop import AROUND
from ...formula.rule.facts import known, whole_shape
from ...formula.rule.rule import Rule, observed
from ...formula.tracing.trace import formula_of
from ..formats.blocks import SCALE
from ..formats.keeping import BESIDE, draws
from ..initial import counted, number, scalar_dtype
from ..layout import why_not_read
from ..misfit import misfits
from ..noted import GATHERED


class CannotCopyError(Exception):
    """Something that was saved cannot be copied."""


def copied(value: Any, param: Tensor | None = None) -> Any:
    """Copy a saved value; a tensor goes to its parameter's device, a single number on the CPU stays there.

    Raises CannotCopyError for what has no copy.
    """
    if isinstance(value, Mapping):
        return {name: copied(item, param) for name, item in value.items()}
    try:
        return _tensor(value, param) if isinstance(value, Tensor) else deepcopy(value)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        raise CannotCopyError(f"{type(value).__name__} cannot be copied ({type(error).__name__})") from error


def _tensor(value: Tensor, param: Tensor | None) -> Tensor:
    if why := why_not_read(value):
        raise RuntimeError(why)
    # torch.optim's SGD keeps the momentum of sparse gradients sparse; the numbers are the same.
    value = (value.to_dense() if value.layout != torch.strided else value).detach().resolve_conj().resolve_neg()
    stays = param is None or (value.dim() == 0 and value.device.type == "cpu" and param.dim() > 0)
    return value.clone() if stays or param is None else value.clone().to(param.device)


def with_tensors(rule: Rule, state: dict[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    """Make the numbers of a parameter tensors, as kernels want them; older versions kept some as Python's."""
    new = dict(state)
    for name in {"step", *rule.scalars} & state.keys():
        value = state[name]
        if isinstance(value, Tensor):
            wide = value if value.dtype in (torch.float32, torch.float64) else value.to(torch.float64)
            new[name] = wide.reshape(())
        elif value is not None:
            new[name] = (
                counted(rule, value, draws(group)) if name == "step" else number(float(value), scalar_dtype(rule, name))
            )
    return new


class Wanted:
    """What an optimizer keeps of a parameter, whatever its options: found once for all of a group that are alike."""

    def __init__(self) -> None:
        self.found: dict[Any, list[str]] = {}

    def of(self, rule: Rule, param: Tensor, group: Mapping[str, Any]) -> list[str]:
        """Name the states that must be there where there are any; a group is the same object for as long as this is."""
        like = rule, id(group), whole_shape(param), param.dtype
        if like not in self.found:
            self.found[like] = _kept_always(rule, param, group)
        return self.found[like]


def _kept_always(rule: Rule, param: Tensor, group: Mapping[str, Any]) -> list[str]:
    formulas = (known(rule.owner, param, options) for options in ({**group, **_defaults(rule, group)}, group))
    always, now = (formula_of(rule, options) for options in formulas)
    apart = {*_comes_before(rule), *now.idle}
    return [name for name in now.states if name in always.states and name not in apart] + ["step"] * rule.counts_steps


def _comes_before(rule: Rule) -> set[str]:
    """Name what may be there before the first step, as estimates of the Hessian, and what is put around a rule."""
    return {*AROUND, *observed(rule.owner)}


def state_faults(
    rule: Rule,
    state: Mapping[str, Any],
    param: Tensor,
    group: Mapping[str, Any],
    others: frozenset[str],
    wanted: Wanted,
) -> list[str]:
    """Say what keeps a saved state from being this parameter's, in words that follow its name."""
    own = {*rule.states, *(name + SCALE for name in rule.states), *BESIDE, "step"}
    strange = [name for name in state if name in others and name not in own]
    kept = ", ".join(name for name in rule.states if name not in AROUND) or "none"
    found = [f"has a state {name!r}, but {rule.owner.__name__} keeps {kept}" for name in strange]
    found += misfits(rule, param, group, state)
    return found or [*_values(state), *_missing(rule, state, param, group, wanted)]


def _values(state: Mapping[str, Any]) -> Iterator[str]:
    """Find a count that counts nothing."""
    value = 0.0 if state.get("step") is None else float(state["step"])
    if not 0 <= value <= 2**53 or value % 1:
        yield f"needs its step to be a whole number, at least 0, but that is {value:g}"


def _missing(
    rule: Rule, state: Mapping[str, Any], param: Tensor, group: Mapping[str, Any], wanted: Wanted
) -> Iterator[str]:
    """Find what every optimizer of this kind keeps, where it keeps anything: it got lost, and is not made anew."""
    apart = _comes_before(rule)
    own = [name for name in rule.states if name not in apart and state.get(name) is not None]
    for name in wanted.of(rule, param, group) if own else ():
        if name not in state:
            yield f"has its {own[0]} but not its {name}, which belongs to it"


def _defaults(rule: Rule, group: Mapping[str, Any]) -> dict[str, Any]:
    """Give each option its default, or the group's own value where it has none."""
    options = rule.owner.options.items()
    return {name: group[name] if option.is_required else option.default for name, option in options}


def group_faults(optimizer: Any, index: int, group: Mapping[str, Any]) -> dict[str, list[str]]:
    """Say what is wrong with a saved group, by the name of each option, and under no name what does not go together."""
    owner, where = type(optimizer), f" in group {index}"
    found: dict[str, list[str]] = {}
    for name, option in owner.options.items():
        if name in group:
            value = option.settled(as_meant(group[name]))
            found[name] = _said(option.check, value, owner.__name__, where)
    for name in owner.learned:
        if name in group and not _is_number(group[name]):
            found[name] = [f"group {index} needs its {name} to be a number, but got {described(group[name])}"]
    gathered = group.get(GATHERED, 0)
    if type(gathered) is not int or not gathered >= 0:
        found[GATHERED] = [
            f"group {index} needs its {GATHERED} to be a whole number, at least 0, but got {described(gathered)}"
        ]
    return {name: faults for name, faults in found.items() if faults}


def with_checked(optimizer: Any, group: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the options of a group, whose values are all right, as an optimizer that is made keeps them."""
    owner = type(optimizer)
    known = {name: owner.options[name] for name in owner.options if name in group}
    values = {name: option.settled(as_meant(group[name])) for name, option in known.items()}
    return {**group, **{name: option.check(values[name], owner.__name__) for name, option in known.items()}}


def as_meant(value: Any) -> Any:
    """Take for zero what is below it by rounding: so schedules end that go down to zero step by step."""
    return 0.0 if type(value) is float and -1e-12 < value < 0 else value


def together(optimizer: Any, index: int, group: Mapping[str, Any]) -> list[str]:
    """Say which options of a group, each fine by itself, do not go together."""
    return _said(type(optimizer).check, group, f" in group {index}")


def _said(check: Any, *arguments: Any) -> list[str]:
    """Return the sentence of an error, if there is one."""
    try:
        check(*arguments)
    except Exception as error:
        return [" ".join(str(error).split())]
    return []


def _is_number(value: Any) -> bool:
    """Tell if something is a number, be it infinite: a run that went wrong has saved such, too."""
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.is_floating_point() and not value.is_meta
    return isinstance(value, int | float) and not isinstance(value, bool)
