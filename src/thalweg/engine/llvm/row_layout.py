"""The tables that a launch hands to its kernel: words of 8 bytes, at places that both sides look up here."""

from dataclasses import dataclass

from ...formula.passes import Program

CONTEXT = (
    "rows",
    "gradients",
    "chunks",
    "chunk_count",
    "next_chunk",
    "row_count",
    "slots",
    "sums",
    "totals",
    "partials",
    "partial_count",
    "run_parallel",
    "power",
    "add_up",
)
"""The words that a kernel is called with: addresses of tables, and counts."""

CHUNK = ("row.index", "first", "length")
"""A piece of one tensor, small enough to share out among threads."""


@dataclass(frozen=True)
class RowLayout:
    """The words of one parameter: where its tensors, its numbers and its group's options are."""

    tensors: tuple[str, ...]
    """All but the gradient, whose addresses change from step to step and have a table of their own."""
    scalars: tuple[str, ...]

    @property
    def width(self) -> int:
        """Words in a row."""
        return len(self.tensors) + len(self.scalars) + 2

    def tensor(self, name: str) -> int:
        """Place of a tensor's address."""
        return self.tensors.index(name)

    def scalar(self, name: str) -> int:
        """Place of the address of a number."""
        return len(self.tensors) + self.scalars.index(name)

    @property
    def options(self) -> int:
        """Place of the address of the group's options."""
        return self.width - 2

    @property
    def slots(self) -> int:
        """Place of the address of what the kernel computes from them."""
        return self.width - 1


def row_layout(program: Program) -> RowLayout:
    """Lay out the rows of a program."""
    return RowLayout(tuple(name for name in program.tensors if name != "grad"), tuple(program.scalars))
