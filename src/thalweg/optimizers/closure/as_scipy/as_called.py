"""Errors name the function that was called and its arguments, and not the optimizer within, which nobody has made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

OURS = (TypeError, ValueError, RuntimeError)
"""Kinds of errors that are made of one sentence; subclasses of them may want more."""


def as_written(names: Iterable[str], options: Iterable[str], ours: Mapping[str, str | None]) -> dict[str, str]:
    """Return the words of a call for what an optimizer calls its parameters and options."""
    parameters = {f"parameter {place}": name for place, name in enumerate(names)}
    return parameters | {name: word for word in options if (name := ours.get(word))}


@contextmanager
def as_called(within: str, caller: str, words: Mapping[str, str]) -> Iterator[None]:
    """Let sentences about what is within speak of its caller, and of other things in the caller's words."""
    try:
        yield
    except OURS as error:
        # The user's own errors, from a function that is evaluated meanwhile, stay as they are.
        if type(error) not in OURS or not re.search(rf"\b{within}\b", str(error)):
            raise
        raise type(error)(reworded(str(error), {within: caller, **words})) from error


def reworded(sentence: str, words: Mapping[str, str]) -> str:
    """Return a sentence with other words in place of some."""
    every = "|".join(map(re.escape, words))
    return re.sub(rf"\b({every})\b", lambda found: words[found[0]], sentence)
