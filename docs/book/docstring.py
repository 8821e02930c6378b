"""The parts of an optimizer's docstring: its idea, where it comes from, how it is tuned."""

import inspect
import re
import textwrap
from collections.abc import Iterable
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
    return Parts(prose(" ".join(idea.split())), _paragraphs(source), _tuning(tuning, getattr(cls, "options", ())))


def said(text: str, options: Iterable[str] = ()) -> str:
    """Write a whole docstring, whose pieces with an indent are code; how something is tuned becomes a sentence."""
    pieces = re.split(r"\n\n|\n(?=Tune: |Raises )", inspect.cleandoc(text))
    return "\n\n".join(_piece(piece, tuple(options)) for piece in pieces)


def _piece(text: str, options: tuple[str, ...]) -> str:
    if text.startswith("    "):
        return f"```py\n{textwrap.dedent(text)}\n```"
    if text.startswith("Tune: "):
        return _tuning(text.removeprefix("Tune: "), options)
    return prose("\n".join(_ended(text.splitlines())))


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


STARTS = {"nothing": "there is nothing to tune", "as ": "tune it like ", "like ": "tune it like "}
"""What is said in a word behind `Tune:`, as the start of a sentence."""

OTHERS = r"(?:\w+'s|an?|the) "
"""What a value begins with that is another optimizer's, or is told from it."""

SENTENCE = r"(?! (?:is|grows|sets|says)\b)"
"""What does not follow where only a value is named."""

ALWAYS = ("lr", "weight_decay", "max_grad_norm")
"""Options that every reader knows."""

WORDS = frozenset({"a", "fraction", "momentum", "partial", "passes", "optimizer", "rank", "rule", "scale", "threshold"})
"""Names of options that are words of English, too: they are left as they stand."""


def _tuning(text: str, options: Iterable[str]) -> str:
    """Make a sentence of what is said on tuning; options that it names are code, and keep their small letters."""
    text = " ".join(text.split())
    for short, long in STARTS.items():
        if text.startswith(short):
            text = long + text.removeprefix(short)
    if re.match(rf"(?:{'|'.join({*ALWAYS, *options})})(?:\[\d\])?\b{SENTENCE}|{OTHERS}", text):
        text = f"take {text}"
    pieces = re.split(r"(`[^`]*`)", text)
    marked = _options(options)
    named = "".join(piece if piece.startswith("`") else marked.sub(r"`\1`", piece) for piece in pieces)
    return prose(named[:1].upper() + named[1:])


def _options(options: Iterable[str]) -> re.Pattern[str]:
    """Find the options that a text names, with the element or the value that stands behind."""
    names = "|".join(sorted({*ALWAYS, *options} - WORDS))
    return re.compile(rf"(?<![\w\"/.-])(\w+=[\w\".]*[\w\"]|(?:{names})(?:\[\d\])?(?![\w(]))")
