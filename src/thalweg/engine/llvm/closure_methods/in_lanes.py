"""The text of arithmetic with one number, rewritten for several numbers side by side, one in each lane of a vector."""

from __future__ import annotations

import re
from functools import lru_cache

TYPES = ("double", "i64", "i32", "i1")

WORD = re.compile(r"[%@][\w.$-]+|\b(?:double|i64|i32|i1)\b|\btrue\b|(?<![\w.])-?(?:0x[0-9A-F]{16}|\d+(?:\.\d+)?)\b")
"""A name, a type or a constant."""


def widest() -> int:
    """Return how many numbers in float64 a vector of this processor has; four where it has narrow ones."""
    from ..machine_code.target import target  # only now is LLVM needed

    return 8 if " avx512f " in f" {target()} " else 4


def in_lanes(text: str, count: int) -> str:
    """Return lines, or whole functions, with vectors in place of numbers, conditions and bits."""
    return "\n".join(_line(line, count) for line in text.splitlines())


def in_all_lanes(word: str, count: int, kind: str = "double") -> str:
    """Return a vector that has a constant in all lanes; the name of a value stays."""
    return word if word.startswith("%") else f"<{', '.join([f'{kind} {word}'] * count)}>"


@lru_cache(10_000)
def _line(line: str, count: int) -> str:
    # A constant is of the type that was named last.
    kind = ""

    def wide(found: re.Match[str]) -> str:
        nonlocal kind
        word = found[0]
        if word.startswith("@"):
            return word.replace(".f64", f".v{count}f64")
        if word in TYPES:
            kind = word
            return f"<{count} x {word}>"
        return in_all_lanes(word, count, kind)

    return WORD.sub(wide, line)
