"""What an optimizer is called with, as options: its signature, and values bound to their names and checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..hyper import REQUIRED, Option
from .options_elsewhere import advice
from .traits import Traits


def defaults_of(owner: type[Traits], values: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Bind the arguments to the options and check each; one that is required may be left to the groups."""
    given = _bound(owner, values, spelled(owner, keywords))
    own = {name: owner.options[name].check(given[name], owner.__name__) for name in owner.options if name in given}
    both = {**_defaults(owner), **own}  # type: ignore[arg-type]  # mypy does not know that classes are hashable.
    checked = {name: both[name] for name in owner.options if name in both}
    if len(checked) == len(owner.options):
        owner.check(checked)
    return checked


@cache
def _defaults(owner: type[Traits]) -> dict[str, Any]:
    """Return all defaults, checked once: it takes longer than all else that making an optimizer takes."""
    known = {name: option for name, option in owner.options.items() if option.default is not REQUIRED}
    return {name: option.check(option.default, owner.__name__) for name, option in known.items()}


@cache
def _positional(owner: type[Traits]) -> list[str]:
    """Name the options that may be given by position, in their order."""
    return [name for name, option in owner.options.items() if not option.keyword_only]


def spelled(owner: type[Traits], keywords: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Give every option its own name; raises TypeError where one comes under two of them."""
    if owner.spellings.keys().isdisjoint(keywords):
        return dict(keywords)
    for other, name in owner.spellings.items():
        if {other, name} <= keywords.keys():
            raise TypeError(f"{owner.__name__} got {name} twice{where}, also as {other}: pass it once")
    return {owner.spellings.get(name, name): value for name, value in keywords.items()}


def _bound(owner: type[Traits], values: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    positional = _positional(owner)  # type: ignore[arg-type]
    if any(isinstance(value, Mapping) for value in values):
        raise TypeError(
            f"{owner.__name__} got a dict, as classes of torch.optim pass their defaults: write each option as a field "
            "of the class, lr: float = 0.1, and leave __init__ out"
        )
    if len(values) > len(positional):
        raise TypeError(
            f"{owner.__name__} takes at most {len(positional)} positional options ({', '.join(positional)}), "
            f"but got {len(values)}: pass the rest by name"
        )
    given = dict(zip(positional, values, strict=False))
    for name in keywords:
        if name not in owner.options:
            raise TypeError(f"{owner.__name__} has no option {name!r}{advice(name, owner.options, positional)}")
        if name in given:
            raise TypeError(f"{owner.__name__} got {name} twice, by position and by name: pass it once")
    return given | keywords


def merged(inherited: Mapping[str, Option], own: Mapping[str, Option]) -> dict[str, Option]:
    """Put a class's own options after those that it inherits; one that it only gives another default keeps its place.

    What every optimizer takes by name alone, and a class declares among its own, is its own. A class that declares all
    that it inherits by position says their order anew.
    """
    ordered = {name for name, option in inherited.items() if not option.keyword_only}
    taken = {name for name in own if name in inherited and inherited[name].keyword_only > own[name].keyword_only}
    taken |= ordered if ordered <= own.keys() else set()
    return {name: option for name, option in inherited.items() if name not in taken} | dict(own)


def signature(options: Mapping[str, Option]) -> inspect.Signature:
    """Write the signature that the fields amount to: options by position first, in the order declared."""
    params = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    engine = inspect.Parameter("engine", inspect.Parameter.KEYWORD_ONLY, default="auto")
    ordered = sorted(options.values(), key=lambda option: option.keyword_only)
    return inspect.Signature([params, *map(_argument, ordered), engine])


def _argument(option: Option) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if option.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    default = inspect.Parameter.empty if option.default is REQUIRED else option.default
    return inspect.Parameter(option.name, kind, default=default)
