"""The states of a parameter before its first step."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..formula.around.training_loop import AROUND
from ..formula.graph.places import SQUARES
from ..formula.rule.rule import Rule, initial_value
from ..formula.tracing.trace import Formula
from .formats.format import Format, load
from .formats.keeping import draws
from .formats.stored import empty, write_nearest


def complete(
    state: dict[str, Any],
    formula: Formula,
    param: Tensor,
    kept: Mapping[str, Format],
    read: Callable[[str], Any],
) -> None:
    """Add what a parameter's state lacks: the step count, and each state that the formula keeps, in its format.

    Where an option that `read` returns is a tensor, states that start from it are computed from it, in its graph.
    """
    rule = formula.rule
    if rule.counts_steps and state.get("step") is None:
        # A rule whose steps begin to be counted in the middle of a run has its first one behind it.
        before = 0 if rule.owner.counts_steps or is_fresh(state, formula) else 1
        state["step"] = counted(rule, before, draws({name: read(name) for name in ("rounding", "state_dtype")}))
    for name in formula.states:
        if name in rule.scalars and state.get(name) is None:
            state[name] = number(initial_value(rule, name, read), scalar_dtype(rule, name))
    for name, form in kept.items():
        missing = [part for part in form.symbols(name) if part != "param" and state.get(part) is None]
        if missing:
            parts = dict(zip(form.symbols(name), initial(rule, name, form, param, read), strict=True))
            state.update({part: parts[part] for part in missing})


def is_fresh(state: Mapping[str, Any], formula: Formula) -> bool:
    """Tell by what a rule itself keeps if its first step is to come: what is around it may be asked for later."""
    own = [name for name in formula.states if name not in AROUND] or formula.states
    return not own or any(state.get(name) is None for name in own)


def counted(rule: Rule, steps: float, is_drawn: bool) -> Any:
    """Keep a number of steps as the rule does."""
    return int(steps) if rule.owner.step_type is int else number(float(steps), count_dtype(is_drawn))


def count_dtype(is_drawn: bool) -> torch.dtype:
    """Return the format of a count of steps: one that counts on for ever where random bits depend on it."""
    return torch.float64 if is_drawn else number_dtype()


def number(value: Any, dtype: torch.dtype | None = None) -> Tensor:
    """Keep one number for a whole parameter: on the CPU, never narrower than float32."""
    dtype = dtype or number_dtype()
    if isinstance(value, Tensor):
        return value.to("cpu", dtype).reshape(()).clone()
    return torch.tensor(value, dtype=dtype, device="cpu")


def scalar_dtype(rule: Rule, name: str) -> torch.dtype:
    """Return the format of a state that is one number: float64, which sums of many steps need, or what torch has."""
    return number_dtype() if name in rule.owner.torchs_numbers else torch.float64


def number_dtype() -> torch.dtype:
    """Return the format of the numbers that torch.optim keeps."""
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


def initial(rule: Rule, name: str, form: Format, param: Tensor, read: Callable[[str], Any]) -> list[Tensor]:
    """Make what a state is kept in: its number for each element, or times the identity; or a copy of the parameter."""
    parts = empty(form, param)
    if name == "param":
        return parts
    value = load(param.detach()) if name in rule.copies else initial_value(rule, name, read)
    if form.scope in SQUARES:
        parts[0].diagonal(dim1=-2, dim2=-1).fill_(value)
        return parts
    if form.is_plain and not isinstance(value, float) and name not in rule.copies:
        return [filled(parts[0], value)]
    if name in rule.copies or value:
        like = param if form.scope == "element" else parts[0]
        write_nearest(form, parts, value + torch.zeros_like(load(like.detach())), param)
    return parts


def filled(state: Tensor, value: Any) -> Tensor:
    """Give a state of zeros one number for each element; both parts of a complex one get it."""
    if isinstance(value, Tensor):
        return state + (torch.complex(value, value) if state.is_complex() else value).to(state.dtype)
    return state.fill_(complex(value, value) if state.is_complex() else value) if value else state
