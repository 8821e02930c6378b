"""How much LLVM is to think about a module: thinking takes the longest part of a cold first step."""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """Two levels, each from 0 to 3."""

    text: int
    """How much the text is changed before instructions are made of it."""
    instructions: int
    """How well these are chosen."""


LOOPS = Effort(1, 3)
"""Loops become vectors. More makes compiling longer, and kernels no faster: they wait for memory."""
AS_WRITTEN = Effort(0, 3)
"""For a text that says already what is to be done, in vectors."""
SELDOM = Effort(0, 0)
"""For what is run once a parameter or chunk at most, and written as it should run: it compiles in a fifth of the time.

A power takes 5 % longer. The look at gradients, which every step begins with, would take 8.3 us to 9.7 for 148."""
