"""What a rule may say of the parameters that it is for: a pattern of names, a type, a shape, or a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias

import torch
from torch import nn

from ...described import shown
from ...hyper import nearest
from ...optimizers.routing.fitness import matches
from .found import Found

Shape: TypeAlias = tuple[int | EllipsisType | None, ...]
Criterion: TypeAlias = str | type[nn.Module] | torch.dtype | Shape | Callable[[str, Any], bool]


@dataclass(frozen=True)
class Rule:
    """Parameters that are meant, in words too, and the options that they get."""

    fits: Callable[[Found], bool]
    words: str
    options: Mapping[str, Any]


def rules_of(given: Any) -> list[Rule]:
    """Read the rules, in order; raises TypeError for what is none."""
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, Sequence) or isinstance(pairs, str) or not all(map(_is_rule, pairs)):
        raise TypeError(
            "split needs rules as a dict, or pairs, of what is meant and its options, as "
            f"{{'head.*': {{'lr': 1e-3}}}}, but got {shown(given)}"
        )
    return [Rule(*_read(criterion), options) for criterion, options in pairs]


def _is_rule(pair: Any) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and _are_options(pair[1])


def _are_options(options: Any) -> bool:
    return isinstance(options, Mapping) and all(isinstance(name, str) for name in options) and "params" not in options


def _read(criterion: Any) -> tuple[Callable[[Found], bool], str]:
    """Turn a criterion into a question, and say it in words."""
    if isinstance(criterion, str):
        return lambda found: is_named(found, criterion), f"its name matches {shown(criterion)}"
    if isinstance(criterion, type) and issubclass(criterion, nn.Module):
        return lambda found: any(isinstance(module, criterion) for module in found.modules), (
            f"it is in a module of type {criterion.__name__}"
        )
    if isinstance(criterion, torch.dtype):
        return lambda found: found.param.dtype == criterion, f"it is {criterion}"
    if isinstance(criterion, tuple) and all(_is_size(size) for size in criterion):
        return lambda found: _has_shape(tuple(found.param.shape), criterion), f"its shape is {_written(criterion)}"
    if callable(criterion) and not isinstance(criterion, type | nn.Module):
        name = getattr(criterion, "__name__", "a function")
        return lambda found: _answer(criterion, name, found), f"{name} says so"
    raise TypeError(
        "split can choose parameters by a pattern of names, a type of module, a dtype, a shape or a function of name "
        f"and parameter, but got {shown(criterion)}"
    )


def _answer(ask: Callable[[str, Any], Any], name: str, found: Found) -> bool:
    """Ask a function about a parameter; raises TypeError if it fails, or its answer is neither yes nor no."""
    try:
        answer = ask(found.name, found.param)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise TypeError(
            f"split asks {name}(name, param) of each parameter, but for {found.name!r} got {said}"
        ) from error
    try:
        return bool(answer)
    except (RuntimeError, TypeError, ValueError):
        raise TypeError(
            f"split needs {name} to say True or False of each parameter, but of {found.name!r} it says {shown(answer)}"
        ) from None


def is_named(found: Found, pattern: str) -> bool:
    """Tell if one of a parameter's names fits a pattern."""
    return any(matches(name, pattern) for name in found.names)


def _is_size(size: Any) -> bool:
    return size is None or size is ... or (isinstance(size, int) and not isinstance(size, bool))


def _has_shape(shape: tuple[int, ...], wanted: Shape) -> bool:
    """Compare size by size; None stands for any size, and ... for any number of them."""
    if not wanted:
        return not shape
    first, rest = wanted[0], wanted[1:]
    if first is ...:
        return any(_has_shape(shape[skipped:], rest) for skipped in range(len(shape) + 1))
    return bool(shape) and first in (None, shape[0]) and _has_shape(shape[1:], rest)


def _written(shape: Shape) -> str:
    inner = ", ".join("..." if size is ... else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def first_fits(rules: Sequence[Rule], all_found: Sequence[Found]) -> list[int | None]:
    """Give the place of each parameter's rule, the first that fits; raises ValueError for a rule that none follows."""
    chosen = [next((place for place, rule in enumerate(rules) if rule.fits(found)), None) for found in all_found]
    for place, rule in enumerate(rules):
        if place not in chosen:
            raise ValueError(_idle(rule, rules, all_found))
    return chosen


def _idle(rule: Rule, rules: Sequence[Rule], all_found: Sequence[Found]) -> str:
    """Say why no parameter follows a rule: there is none, or an earlier rule was first."""
    wanted = [found for found in all_found if rule.fits(found)]
    if not wanted:
        return f"no parameter follows the rule that {rule.words}{_hint(rule, all_found)}"
    first = next(earlier for earlier in rules if earlier.fits(wanted[0]))
    return (
        f"no parameter is left for the rule that {rule.words}: {wanted[0].name!r} follows an earlier one, that "
        f"{first.words}, so put the narrower rule first"
    )


def _hint(rule: Rule, all_found: Iterable[Found]) -> str:
    """Name what a mistyped pattern may have meant, or show what names are like."""
    if not rule.words.startswith("its name"):
        return ": leave the rule out, or mend it"
    return hint(rule.words.removeprefix("its name matches ").strip("'\""), all_found)


def hint(pattern: str, all_found: Iterable[Found]) -> str:
    """Name the parts of names that are nearest to a pattern."""
    names = [found.bare_name for found in all_found]
    parts = dict.fromkeys(part for name in names for part in name.split(".") if not part.isdigit())
    near = nearest(pattern.split(".")[0].strip("*"), parts, names[:3])
    return near if "did you mean" in near else f": names are such as {', '.join(map(repr, names[:3]))}"
