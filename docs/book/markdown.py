"""Words of docstrings and values of options as Markdown."""

import re

LINK = re.compile(r"https?://\S*[^\s.,;:)]")


def prose(text: str) -> str:
    """Write a docstring's words so that Markdown shows them as they are: what stands in backticks is code."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else _linked(piece) for piece in pieces)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Write a table; a bar within a cell is no border."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def code(value: object) -> str:
    """Write a value as code."""
    return f"`{value}`"


def _linked(text: str) -> str:
    """Escape what Markdown would read as a mark, and make links of addresses."""
    place, written = 0, []
    for found in LINK.finditer(text):
        written += [_escaped(text[place : found.start()]), f"[{_short(found[0])}]({found[0]})"]
        place = found.end()
    return "".join([*written, _escaped(text[place:])])


def _escaped(text: str) -> str:
    return re.sub(r"([*_<>\[\]$#])", r"\\\1", text)


def _short(address: str) -> str:
    return _escaped(re.sub(r"^https?://(www\.)?", "", address))
