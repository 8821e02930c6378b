"""The tables that a launch hands to its kernels: words of 8 bytes, at places that both sides look up here."""

from dataclasses import dataclass

from ...formula.passes import Program

HEAD = ("options", "chunk", "length")
"""The last words of a row: where its group's options are, its first chunk, and how many elements it has."""


@dataclass(frozen=True)
class RowLayout:
    """The words of one parameter: the addresses of its tensors and numbers, and what else is to be known of it."""

    tensors: tuple[str, ...]
    """All but the gradient, whose addresses change from step to step and have a table of their own."""
    scalars: tuple[str, ...]

    @property
    def width(self) -> int:
        """Words in a row."""
        return len(self.tensors) + len(self.scalars) + len(HEAD)

    def tensor(self, name: str) -> int:
        """Place of a tensor's address."""
        return self.tensors.index(name)

    def scalar(self, name: str) -> int:
        """Place of the address of a number."""
        return len(self.tensors) + self.scalars.index(name)

    @property
    def options(self) -> int:
        """Place of the place of its group's options."""
        return self.width - 3

    @property
    def chunk(self) -> int:
        """Place of the number of its first chunk."""
        return self.width - 2

    @property
    def length(self) -> int:
        """Place of the number of its elements."""
        return self.width - 1


def row_layout(program: Program) -> RowLayout:
    """Lay out the rows of a program."""
    return RowLayout(tuple(name for name in program.tensors if name != "grad"), tuple(program.scalars))
