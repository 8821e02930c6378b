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
    return Parts(prose(" ".join(idea.split())), _paragraphs(source), _tuning(cls, " ".join(tuning.split())))


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


STARTS = {"nothing": "there is nothing to tune", "as ": "tune it as ", "like ": "tune it like "}
"""What is said in a word behind `Tune:`, as the start of a sentence."""

ALWAYS = ("lr", "weight_decay", "max_grad_norm")
"""Options that every reader knows."""

WORDS = frozenset({"a", "fraction", "momentum", "partial", "passes", "rank", "scale", "threshold"})
"""Names of options that are words of English, too: they are left as they stand."""


def _tuning(cls: type, text: str) -> str:
    """Make a sentence of what is said on tuning; options that it names are code, and keep their small letters."""
    for short, long in STARTS.items():
        if text.startswith(short):
            text = long + text.removeprefix(short)
    pieces = re.split(r"(`[^`]*`)", text)
    options = _options(cls)
    named = "".join(piece if piece.startswith("`") else options.sub(r"`\1`", piece) for piece in pieces)
    return prose(named[:1].upper() + named[1:])


def _options(cls: type) -> re.Pattern[str]:
    """Find the options that a text names, with the element or the value that stands behind."""
    names = "|".join(sorted({*ALWAYS, *getattr(cls, "options", ())} - WORDS))
    return re.compile(rf"(?<![\w\"/.-])(\w+=[\w\".]*[\w\"]|(?:{names})(?:\[\d\])?(?![\w(]))")
