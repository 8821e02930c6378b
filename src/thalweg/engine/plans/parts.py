"""Which parameters go into one launch: all that share kernels, or as many of them as a cache holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ..decisions.choice import Choice
from ..sharded import owned_matrices
from ..sharded.shared_parameters import is_local

IN_CACHE = 2**18
"""Elements for each thread that later passes find in the processor's cache, where the first one has read them.

With four times as many, Adafactor takes 1.2 times as long, LAMB 1.13 times and SGDP 1.2 times, on a processor that has
2 MB of cache for each core.
"""


def parts(choices: Sequence[Choice]) -> list[list[Choice]]:
    """Find those that go into one launch, the largest first; where matrices are made, they lie alike, and are few."""
    sets: dict[Any, list[Choice]] = {}
    for choice in choices:
        if not choice.why_eager:
            sets.setdefault((choice.measure is None, choice.kernels, choice.matrices), []).append(choice)
    found = (part for alike in sets.values() for part in _parts(alike))
    return sorted(found, key=lambda part: -len(part) * part[0].whole_numel if part[0].matrices else 0)


def _parts(choices: list[Choice]) -> Iterator[list[Choice]]:
    """Cut a set of parameters that share kernels."""
    if choices[0].matrices:
        return _of_like_matrices(choices)
    return _of_several_passes(choices) if _stays_in_cache(choices[0]) else iter([choices])


def _of_like_matrices(choices: list[Choice]) -> Iterator[list[Choice]]:
    """Take as many like parameters as are worked on at once."""
    count = owned_matrices.at_once(choices[0])
    for place in range(0, len(choices), count):
        yield choices[place : place + count]


def _stays_in_cache(choice: Choice) -> bool:
    """Tell if there are several passes on a processor; other processes' sums come in one order for all parameters."""
    return bool(choice.program.before) and choice.compiler == "llvm" and not is_local(choice.item.param)


def _is_one_line(choice: Choice) -> bool:
    """Tell if a rule goes along a whole parameter as along one row."""
    return choice.program.has_lines and choice.item.options["rows"] == 1


def _of_several_passes(choices: list[Choice]) -> Iterator[list[Choice]]:
    """Take as many parameters as a cache holds, so that a later pass need not read memory again.

    Of those that are one line each, which no two threads share, there is one for each thread.
    """
    threads, found, size = torch.get_num_threads(), list[Choice](), 0
    least = threads if all(map(_is_one_line, choices)) else 1
    for choice in choices:
        if len(found) >= least and size + choice.item.param.numel() > IN_CACHE * threads:
            yield found
            found, size = [], 0
        found.append(choice)
        size += choice.item.param.numel()
    yield found
