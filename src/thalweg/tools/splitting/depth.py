"""How deep in a model each parameter lies: which layer it belongs to, counted from the input."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...described import shown
from ...hyper import Patterns
from .criteria import hint, is_named
from .found import Found, asked

PREVIOUS = 99999
"""What a matcher of timm's writes for "the same layer as what comes before"."""


def depths(model: Any, all_found: Sequence[Found], patterns: Sequence[str] | None) -> list[int]:
    """Give each parameter's layer, from 0 at the input.

    Layers are those that `patterns` name, or those of the model's own `group_matcher`, as timm's models have one, or
    else the numbered blocks of the model: what comes before the first block is a layer, and so is what comes after the
    last one.
    """
    if patterns is not None:
        return _named(all_found, Patterns().checked(patterns, "layers", "split", ""))
    if matcher := asked(model, "group_matcher"):
        return _by_matcher(model, matcher, all_found)
    return _blocks(all_found)


def _by_matcher(model: Any, matcher: Callable[..., Any], all_found: Sequence[Found]) -> list[int]:
    """Ask a model of timm's; raises TypeError for one whose group_matcher is another thing."""
    try:
        told = matcher(coarse=False)
        return _ranks([_matched(found.bare_name, told) for found in all_found])
    except (TypeError, ValueError, re.error) as error:
        raise TypeError(
            f"layer_decay asks the group_matcher of {type(model).__name__} as those of timm's models are asked, but "
            f"that failed ({shown(error)}): name the layers yourself, as layers=['embed.*', 'blocks.0.*', 'head.*']"
        ) from error


def _named(all_found: Sequence[Found], patterns: Sequence[str]) -> list[int]:
    """Take the first pattern that a name matches; raises ValueError for a name, or a pattern, that is left over."""
    places = [next((at for at, one in enumerate(patterns) if is_named(found, one)), None) for found in all_found]
    for found, place in zip(all_found, places, strict=True):
        if place is None:
            raise ValueError(f"layers must name every parameter, but none of its patterns matches {found.name!r}")
    for at, pattern in enumerate(patterns):
        if at not in places:
            raise ValueError(f"layers has {pattern!r}, which matches no parameter of its own{hint(pattern, all_found)}")
    return [place for place in places if place is not None]


def _blocks(all_found: Sequence[Found]) -> list[int]:
    """Count blocks in the order in which they come; before the first is a layer, and after the last another."""
    blocks = [_block(found.bare_name) for found in all_found]
    order = {block: place for place, block in enumerate(dict.fromkeys(filter(None, blocks)), start=1)}
    first = next((place for place, block in enumerate(blocks) if block), len(blocks))
    layers = [order[block] if block else 0 if place < first else len(order) + 1 for place, block in enumerate(blocks)]
    return _ranks([(layer,) for layer in layers])


def _block(name: str) -> str | None:
    """Give the part of a name up to its first number."""
    found = re.match(r"(?:.*?\.)??\d+(?=\.)", name)
    return found[0] if found else None


def _matched(name: str, matcher: Any) -> tuple[float, ...]:
    """Ask a matcher of timm's where a name belongs."""
    if not isinstance(matcher, Mapping):
        place = matcher(name)
        return tuple(place) if isinstance(place, tuple | list) else (place,)
    for place, (expression, suffix) in _expressions(matcher):
        if match := re.match(expression, name):
            numbers = (float(group) for group in match.groups() if group is not None)
            return (place, *numbers, *(suffix or ()))
    return (float("inf"),)


def _expressions(matcher: Mapping[str, Any]) -> Iterator[tuple[int, tuple[str, Any]]]:
    for place, of_layer in enumerate(matcher.values()):
        if of_layer is not None:
            several = of_layer if isinstance(of_layer, tuple | list) else [(of_layer, None)]
            yield from ((place, (expression, suffix)) for expression, suffix in several)


def _ranks(places: Sequence[tuple[float, ...]]) -> list[int]:
    """Number places in order; one that ends in `PREVIOUS` is part of the one before."""
    ranks: dict[tuple[float, ...], int] = {}
    rank = -1
    for place in sorted(set(places)):
        rank += rank < 0 or place[-1] != PREVIOUS
        ranks[place] = rank
    return [ranks[place] for place in places]
