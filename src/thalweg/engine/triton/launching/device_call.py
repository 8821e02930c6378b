"""One call of a kernel on a device: its tables, and what it leaves there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from ....described import on_one_line
from ....distributed.shards import Run
from ....formula.tracing.program import Program
from ...launches.row import Row
from ...pieces import chunks
from ..device.function import Bound
from ..kernels.given import GivenNumbers, is_given
from ..kernels.kernel import Kernel
from ..kernels.settings import ROWS, goes_by_places
from ..unbuilt import UnbuiltError
from .tables import Tables


class DeviceCall:
    """One kernel, and the tables that it is called with, at addresses that stay from step to step."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        rows: Sequence[Row],
        shared: Mapping[str, Tensor],
        options: Sequence[int],
    ) -> None:
        self.program, self.kernel, self.rows = program, kernel, rows
        words = [[*self._words(index, row, shared), options[index]] for index, row in enumerate(rows)]
        self._place(words)
        self.given = GivenNumbers(program, rows, options) if is_given(program) else None
        """The numbers that the host computes, if it can."""

    def _place(self, words: Sequence[Sequence[int]]) -> None:
        """Place the tables on the device; the words of each parameter's row are those that its layout begins with."""
        self.tables = Tables(self.program, self.kernel, words, self._chunks(), self.rows[0].param.device)

    @property
    def states(self) -> Iterator[Tensor]:
        """All that the kernel has the addresses of, beside parameters and gradients."""
        for row in self.rows:
            for name in (*self.kernel.layout.tensors, *self.kernel.layout.scalars):
                if name in row.state:
                    yield row.state[name]

    def bind(self, gradients: Tensor, options: Tensor, given: Tensor | None, is_aligned: Any) -> None:
        """Prepare the launches for gradients of which some start at a multiple of a word."""
        self.tables.cut(is_aligned)
        tables, kernel = self.tables, self.kernel
        self.prepare = kernel.prepare.bound(
            -(-tables.count // ROWS), tables.rows, options, tables.numbers, tables.count
        )
        # With the numbers of the host, and with those that the device prepares.
        self.updates = [
            self._update([tables.rows, gradients, numbers])
            for numbers in (tables.numbers if given is None else given, tables.numbers)
        ]
        self.finish = None
        if kernel.finish and not tables.are_whole:
            self.finish = kernel.finish.bound(tables.count, tables.rows, tables.sums, tables.totals)

    def _update(self, before: list[Tensor]) -> list[Bound]:
        """Bind the update of all chunks; that of chunks that are not aligned is compiled if there are any."""
        sums = [self.tables.sums] if self.kernel.sums else []
        whole, rest = self.tables.whole, self.tables.rest
        parts = [(self.kernel.update, whole)] if len(whole) else []
        parts += [(self.kernel.update_rest, rest)] if len(rest) else []
        return [function.bound(len(table), *before, table, *sums) for function, table in parts]

    def launches(self, is_prepared: bool) -> list[Bound]:
        """List all of it, in order; `is_prepared` says that the device computes the numbers."""
        first = [self.prepare] if is_prepared else []
        return [*first, *self.updates[is_prepared], *([self.finish] if self.finish else [])]

    def try_out(self, flag: Tensor) -> None:
        """See that the device takes each kernel: it may load machine code only when it is first launched.

        `flag` leaves the step out, so that nothing changes. Raises UnbuiltError.
        """
        try:
            for launch in self.launches(True):
                launch.try_out(flag)
        except Exception as error:
            raise UnbuiltError(self.kernel, error, "launched") from error

    def run(self, flag: Tensor, is_prepared: bool) -> None:
        """Give the work to the device; raises RuntimeError where that cannot be."""
        try:
            for launch in self.launches(is_prepared):
                launch(flag)
        except RuntimeError as error:
            raise RuntimeError(
                f"{self.program.formula.rule.owner.__name__} could not launch its kernels on {self.kernel.device} "
                f"({on_one_line(error)}), and may have launched others of this step: load the last checkpoint in a new "
                "process"
            ) from error

    def measured(self) -> dict[str, Tensor]:
        """Give each sum that was taken, for each row."""
        return {name: self.tables.totals[:, place] for place, name in enumerate(self.program.totals)}

    def _chunks(self) -> Any:
        """Cut the work into chunks; what counts the steps of a parameter is its first, if it has no elements, too."""
        if self.program.finds_seams:
            return chunks.table(chunks.chunks_of_seams([row.param for row in self.rows]))
        runs = [row.runs if goes_by_places(self.program) else [Run(0, 0, row.elements)] for row in self.rows]
        return chunks.cut([own or [Run(0, 0, 0)] for own in runs], self.kernel.piece)

    def _words(self, index: int, row: Row, shared: Mapping[str, Tensor]) -> Iterator[int]:
        """List the addresses of a parameter's tensors and numbers, as the kernel's layout has them."""
        tensors, dtypes = row.tensors, self.kernel.dtypes
        for name in (*self.kernel.layout.tensors, *self.kernel.layout.scalars):
            yield row.address(name, self.program, dtypes) if name in tensors else shared[name][index].data_ptr()
