"""Names that are made of a class's name and a word for how it is computed or kept, as "prodigy_8bit"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .alike import plain

MARKS: dict[str, str] = {
    **dict.fromkeys(("8bit", "int8", "fp8"), "state_dtype='8bit'"),
    **dict.fromkeys(("4bit", "int4", "fp4"), "state_dtype='4bit'"),
    **dict.fromkeys(("bf16", "bfloat16", "16bit"), "state_dtype=torch.bfloat16"),
    **dict.fromkeys(("kahan", "anyprecision"), "rounding='kahan'"),
    **dict.fromkeys(("cautious", "caution"), "cautious=True"),
    "decoupled": "decoupled_weight_decay=True",
    **dict.fromkeys(("nesterov", "withnesterov"), "nesterov=True"),
    "amsgrad": "amsgrad=True",
    "lookahead": "lookahead=6",
    **dict.fromkeys(("fused", "foreach", "forloop", "capturable", "multitensor", "cuda", "triton"), ""),
    **dict.fromkeys(("paged", "offload", "cpu", "32bit", "fp32"), ""),
    **dict.fromkeys(("torch", "pytorch", "apex", "hf", "bnb", "ao", "optimi", "optimizer", "optim", "opt"), ""),
    **dict.fromkeys(("distributed", "dist", "zero", "sharded", "singledevice"), ""),
}
"""The words that stand before or after a name, and the option that each is here; none if there is nothing to pass."""

AT_THE_END: dict[str, str] = {"w": "decoupled_weight_decay=True"}
"""A word of one letter, which begins many names by chance."""


def marked(name: str, known: Mapping[str, Any]) -> str:
    """Say, as a clause, which class with which options a name is; empty if it is not made of one and such words.

    What stands before a point is the path of some library, and is left out.
    """
    kinds = {plain(other): (other, kind) for other, kind in known.items()}
    readings = [
        (*kinds[rest], options) for rest, options in _taken_apart(plain(name.rpartition(".")[2])) if rest in kinds
    ]
    return next((_clause(other, options) for other, kind, options in readings if _takes(kind, options)), "")


def _taken_apart(name: str, options: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Take words off the beginning and the end of a name, the longest first: give what is left, and their options."""
    yield name, options
    for rest, option in _rests(name):
        yield from _taken_apart(rest, (option, *options) if option and option not in options else options)


def _rests(name: str) -> Iterator[tuple[str, str]]:
    """Take one word off a name."""
    for mark in sorted(MARKS, key=len, reverse=True):
        yield from ((rest, MARKS[mark]) for rest in (name.removeprefix(mark), name.removesuffix(mark)) if rest != name)
    yield from ((name.removesuffix(mark), option) for mark, option in AT_THE_END.items() if _ends(name, mark))


def _ends(name: str, mark: str) -> bool:
    """Tell if a word stands at the end, and once: twice it is mistyped."""
    return name.endswith(mark) and not name.endswith(2 * mark)


def _takes(kind: Any, options: tuple[str, ...]) -> bool:
    """Tell if a class has these options, and has them not always."""
    pairs = [option.partition("=")[::2] for option in options]
    return all(name in kind.options and value != repr(kind.options[name].default) for name, value in pairs)


def _clause(name: str, options: tuple[str, ...]) -> str:
    return f"write {name}{', with ' if options else ''}{' and '.join(options)}"
