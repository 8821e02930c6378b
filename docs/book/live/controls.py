"""What moves an option on a page: a slider, a switch or a list, by the type that the class gives the option."""

from collections.abc import Iterator
from math import inf
from typing import Any

from thalweg import Optimizer
from thalweg.hyper import Option
from thalweg.hyper.ranges import OneOf, Range, Several, Whole

from ..options import own_options

Control = dict[str, Any]

MANY = 1000.0
"""How many times larger, and smaller, than its default a slider makes a number."""

NOT_MOVED = (
    *("batch_dims", "ns_steps", "blocks", "use_muon", "max_precondition_dim", "precondition_frequency", "keep_num"),
    *("loss", "cautious_on_sphere"),
)
"""What belongs to stacks and kinds of matrices, decides when work is done, is no choice, or makes a formula as long as
several others: no page moves it."""


def controls(cls: type[Optimizer]) -> list[Control]:
    """List the controls of an optimizer's own options, in their order."""
    options = [option for option in own_options(cls) if not option.name.startswith("adamw_")]
    return [control for option in options if option.name not in NOT_MOVED for control in _of(cls, option)]


def settings(cls: type[Optimizer]) -> dict[str, tuple[Any, ...]]:
    """Say to what each option may be set on a page, as far as that may select another formula."""
    found: dict[str, tuple[Any, ...]] = {}
    for control in controls(cls):
        name, option = control["name"], cls.options[control["name"]]
        if control["kind"] == "switch":
            found[name] = (False, True)
        elif control["kind"] == "choice":
            found[name] = tuple(control["values"])
        elif "index" not in control:
            usual = option.default if isinstance(option.default, int | float) else 0
            number = usual or control.get("high", 0.5)
            found[name] = (number, *([0] if control.get("zero") else []), *([None] if control.get("none") else []))
    return found


def _of(cls: type[Optimizer], option: Option) -> Iterator[Control]:
    shown = {"name": option.name}
    if option.rule is bool:
        yield shown | {"kind": "switch"}
    elif isinstance(option.rule, OneOf):
        yield shown | {"kind": "choice", "values": list(option.rule.values)}
    elif isinstance(option.rule, Range):
        may_be_none = option.may_be_none or option.rule.or_none
        yield shown | _slider(option.rule, option.default, option.name, may_be_none)
    elif isinstance(option.rule, Several) and isinstance(option.default, tuple):
        for index, (allowed, usual) in enumerate(zip(option.rule.ranges, option.default, strict=True)):
            if isinstance(usual, int | float):
                yield shown | {"index": index} | _slider(allowed, usual, option.name, False)


def _slider(allowed: Range, default: Any, name: str, may_be_none: bool) -> Control:
    """Choose how a slider counts: by sizes, by how long something is remembered, evenly, or in whole numbers."""
    usual = float(default) if isinstance(default, int | float) and not isinstance(default, bool) else 0.0
    more = {"none": True} if may_be_none else {}
    if isinstance(allowed, Whole):
        low = max(allowed.low, 0)
        return {"kind": "whole", "low": low, "high": min(allowed.high, max(4 * usual, low + 20))} | more
    if allowed.low >= 0 and allowed.high <= 1 and (usual >= 0.5 or allowed.below) and name != "lr":
        return ({"kind": "memory"} if allowed.below else {"kind": "share", "low": 0, "high": 1}) | more
    if -inf < allowed.low < 0 or (0 < allowed.high < inf and allowed.low >= 0):
        return {"kind": "share", "low": max(allowed.low, 0), "high": min(allowed.high, 10)} | more
    low, high = (usual / MANY, usual * MANY) if usual and usual < inf else (1e-4, 1.0)
    if name == "lr":
        low, high = 1e-5, 10.0
    low, high = max(low, allowed.low), min(high, allowed.high)
    return (
        {"kind": "size", "low": float(f"{low:.3g}"), "high": float(f"{high:.3g}")}
        | ({"zero": True} if allowed.low <= 0 and name != "lr" else {})  # at a rate of zero nothing is to be seen
        | more
    )
