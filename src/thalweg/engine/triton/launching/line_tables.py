"""The tables of one pass along lines, in the device's memory: which tensors, of what shape, and who does what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, device

from ....formula.tracing.domains import ALONG_LINES
from ...pieces.line_pieces import Counts, table
from ..kernels.lines.items import Shape, Work, columns_of, parts
from ..kernels.settings import WORD
from .tables import empty, placed

if TYPE_CHECKING:
    from ..kernels.lines.kernel import LineKernel


class LineTables:
    """Everything that the functions of a pass are called with, but for what changes from step to step."""

    def __init__(
        self, kernel: LineKernel, rows: Sequence[Sequence[int]], counts: Sequence[Counts], device: device
    ) -> None:
        """Each row has all words but the last four, which follow from the counts."""
        program = self.program = kernel.program
        self.device, self.work, self.count = device, Work(program, counts), len(rows)
        pieces = np.bincount([piece.row for piece in self.work.pieces], minlength=self.count)
        self.sizes = np.array([[width, height] for _, height, width in self.work.counts], np.int64)
        words = np.array(rows, np.int64)
        self.rows = placed(np.column_stack([words, np.cumsum(pieces) - pieces, pieces, self.sizes]), device)
        long = [place for place, name in enumerate(kernel.layout.tensors) if _has_lines(name, kernel)]
        self.is_aligned = (words[:, long] % WORD == 0).all(axis=1) & (self.sizes[:, 0] % WORD == 0)
        """For each row, whether its lines start at a multiple of a word, but for those of the gradient."""
        self.numbers = empty(self.count, len(program.numbers), device)
        self.sums = empty(int(pieces.sum()), len(program.totals), device)
        self.are_whole = bool((pieces == 1).all())
        """True if no parameter is cut: the sums of pieces are those of parameters."""
        self.totals = self.sums if self.are_whole else empty(self.count, len(program.totals), device)
        self.partial_count = table(self.work.pieces)[1] if program.across else 0
        self.partials = empty(len(program.across), self.partial_count, device)
        self.items: dict[str, dict[Shape, Tensor]] = {}
        """For each kernel what it goes over, by the shape of its tiles."""

    def cut(self, is_aligned: Any) -> None:
        """Cut the work of all parameters, of which some have gradients whose lines are aligned."""
        shapes: dict[Shape, list[int]] = defaultdict(list)
        for row, (width, _) in enumerate(self.sizes.tolist()):
            shapes[Shape(columns_of(width), bool(self.is_aligned[row] & is_aligned[row]))].append(row)
        self.items = {
            part: {shape: placed(self.work.items(part, members), self.device) for shape, members in shapes.items()}
            for part in parts(self.program)
        }

    @property
    def all(self) -> Iterator[Tensor]:
        """Yield the tensors."""
        yield from (self.rows, self.numbers, self.sums, self.totals, self.partials)
        yield from (items for shapes in self.items.values() for items in shapes.values())


def _has_lines(name: str, kernel: LineKernel) -> bool:
    """Tell if a tensor has a number for each place of a line, and not one for a whole line or matrix."""
    return kernel.program.scope(name) not in (ALONG_LINES[kernel.program.domain], "matrix")
