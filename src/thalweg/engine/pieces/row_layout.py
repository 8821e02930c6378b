"""The table that a launch hands to a kernel: a row of words of 8 bytes for each parameter, whose places stand here."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...formula.tracing.program import Program


@dataclass(frozen=True)
class RowLayout:
    """The words of one parameter: the addresses of its tensors and numbers, and what else is to be known of it."""

    tensors: tuple[str, ...]
    """All but the gradient, whose addresses change from step to step and have a table of their own."""
    scalars: tuple[str, ...]
    more: tuple[str, ...]
    """The last words of a row, which each compiler's kernels have for themselves."""

    @property
    def width(self) -> int:
        """Words in a row."""
        return len(self.tensors) + len(self.scalars) + len(self.more)

    def tensor(self, name: str) -> int:
        """Place of a tensor's address."""
        return self.tensors.index(name)

    def scalar(self, name: str) -> int:
        """Place of the address of a number."""
        return len(self.tensors) + self.scalars.index(name)

    def word(self, name: str) -> int:
        """Place of one of the last words."""
        return len(self.tensors) + len(self.scalars) + self.more.index(name)


def row_layout(program: Program, more: tuple[str, ...], tensors: Sequence[str] = ()) -> RowLayout:
    """Lay out the rows of a program, for all of its tensors or for some."""
    given = tuple(name for name in tensors or program.tensors if name != "grad")
    return RowLayout(given, tuple(program.scalars), more)
