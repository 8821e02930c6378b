"""Options that are called as in another library get the names that they have here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..definition.options_elsewhere import OURS_OF_THEIRS, placed
from .lookup import Meaning


def called_here(options: Iterable[str]) -> set[str]:
    """Give the names that options have here, whatever the class is."""
    return {placed(OURS_OF_THEIRS.get(theirs, theirs))[0] for theirs in options}


def in_our_words(meaning: Meaning, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give options that are called as in another library the names that they have here.

    What the class itself calls so is meant first. Raises TypeError for an option that is there under two names.
    """
    named: dict[str, Any] = {}
    for theirs, value in options.items():
        ours = _ours(meaning, theirs)
        if {ours, ours.partition("[")[0]} & (named.keys() | (options.keys() - {theirs})):
            raise TypeError(f"{meaning.name} got {ours} twice, also as {theirs}: pass it once")
        named[ours] = value
    return _joined(meaning, named)


def _ours(meaning: Meaning, theirs: str) -> str:
    """Find what an option is called here; it keeps its name if the class knows that, or nothing else."""
    ours = OURS_OF_THEIRS.get(theirs, theirs)
    is_known = meaning.takes(theirs) or theirs in meaning.kind.spellings
    option, place = placed(ours)
    has_place = place is None or (meaning.takes(option) and place < len(_default(meaning, option)))
    return ours if not is_known and meaning.takes(option) and has_place else theirs


def _joined(meaning: Meaning, named: Mapping[str, Any]) -> dict[str, Any]:
    """Put numbers that were given one by one at their places among the numbers of an option."""
    options: dict[str, Any] = {}
    for ours, value in named.items():
        option, place = placed(ours)
        if place is not None:
            numbers = options.get(option, _default(meaning, option))
            value = (*numbers[:place], value, *numbers[place + 1 :])
        options[option] = value
    return options


def _default(meaning: Meaning, option: str) -> Any:
    """Say what an option is where it is not given: several numbers, or one, which has no places."""
    default = meaning.options.get(option, meaning.kind.options[option].default)
    return default if isinstance(default, tuple) else ()
