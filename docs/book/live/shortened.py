"""JavaScript of rules in fewer letters: what is declared in a function gets a short name, and lines no indentation."""

import re
from collections.abc import Iterator
from itertools import count, product
from string import ascii_letters

KEPT = {"self", "state", "sums", "i"}


def shortened(text: str) -> str:
    """Rename what a rule's functions declare; names after a point, and of members, stay."""
    parts = re.split(r"(?m)(?=^  \w+\(.*\) \{$)", text)
    lines = (line.strip() for part in parts for line in _short_names(part).splitlines())
    return "\n".join(lines).replace(" = ", "=").replace(", ", ",").replace(" * ", "*").replace(" + ", "+")


def _short_names(function: str) -> str:
    declared = re.findall(r"\bconst (\w+) =", function)
    there = set(re.findall(r"\w+", function))
    names = (name for name in _names() if name not in there and name not in KEPT)
    short = dict(zip(dict.fromkeys(declared), names, strict=False))
    told = re.sub(r"return \{ ([\w, ]+) \}", lambda found: _told(found[1]), function)
    return re.sub(r"(?<![.\w])([A-Za-z_]\w*)\b(?!:)", lambda found: short.get(found[1], found[1]), told)


def _told(names: str) -> str:
    """Write out the names of what is returned: they are others' business."""
    return "return { " + ", ".join(f"{name}: {name}" for name in names.split(", ")) + " }"


def _names() -> Iterator[str]:
    for length in count(1):
        yield from ("".join(letters) for letters in product(ascii_letters, repeat=length))
