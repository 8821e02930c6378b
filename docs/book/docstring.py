"""The parts of an optimizer's docstring: its idea, where it comes from, how it is tuned."""

import inspect
import re
from dataclasses import dataclass

from .markdown import prose


@dataclass(frozen=True)
class Parts:
    """What a docstring says, as Markdown."""

    idea: str
    source: str
    """Authors, year, title and link, and what else there is to know."""
    tuning: str
    """How to tune it, coming from Adam; empty where nothing is said."""


def parts(cls: type) -> Parts:
    """Take a docstring apart; what is inherited is not a class's own."""
    text = inspect.cleandoc(cls.__doc__ or "")
    idea, _, rest = text.partition("\n\n")
    source, _, tuning = rest.partition("Tune: ")
    return Parts(prose(" ".join(idea.split())), _paragraphs(source), prose(_sentence(" ".join(tuning.split()))))


def _paragraphs(text: str) -> str:
    """Write paragraphs one to a block; a line that starts in the middle of an item stays in it."""
    return "\n".join(prose(line) for line in _ended(text.strip().splitlines()))


def _ended(lines: list[str]) -> list[str]:
    """Part what is said of the source from what follows: an address ends a paragraph where a sentence starts next."""
    parted = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        parted.append(line)
        if re.search(r"https?://\S+$", line) and re.match(r"[A-Z`]", following):
            parted.append("")
    return parted


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
