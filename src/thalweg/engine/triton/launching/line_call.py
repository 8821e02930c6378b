"""One call of a pass along lines on a device: which kernels go over which of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from ..device.function import Bound
from ..kernels.lines.items import parts
from ..kernels.lines.kernel import LineKernel
from .device_call import DeviceCall
from .line_tables import LineTables


class LineCall(DeviceCall):
    """The kernels of a pass along lines, and the tables that they are called with."""

    kernel: LineKernel  # type: ignore[assignment]
    tables: LineTables  # type: ignore[assignment]

    def _place(self, words: Sequence[Sequence[int]]) -> None:
        counts = [row.counts for row in self.rows if row.counts]
        self.tables = LineTables(self.kernel, words, counts, self.rows[0].param.device)

    def _update(self, before: list[Tensor]) -> list[Bound]:
        """Bind all kernels that the pass needs, in their order."""
        return [launch for part in parts(self.program) for launch in self._bound(part, before)]

    def _bound(self, part: str, before: list[Any]) -> Iterator[Bound]:
        """Bind a kernel for each shape of tiles that some parameters have."""
        tables = self.tables
        more = {"walk": [], "total": [tables.sums]}.get(part, [tables.partials, tables.partial_count])
        for shape, items in tables.items[part].items():
            given = [before[0], items] if part == "close" else [*before, items]
            yield self.kernel.of(part, shape).bound(len(items), *given, *more)
