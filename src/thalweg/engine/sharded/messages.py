"""Where the numbers of shared parameters stand: in tables with a row for each parameter, and in messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .shared_parameters import counts_here

Table: TypeAlias = tuple[Sequence[Tensor], Sequence[Any]]
"""Parameters, and columns with a number for each: arrays of NumPy's on the host, which are quickest, or tensors."""

Counts: TypeAlias = Sequence[int]
"""How many numbers each shared parameter has in a message."""


class Cells(NamedTuple):
    """The rows of one table, of which some are of shared parameters."""

    params: Any
    """Kept, as their identity tells tables apart."""
    rows: Any
    """Those of shared parameters that have numbers in the message."""
    places: Any
    """Where each of these has its first number in the message."""
    counted_rows: Any
    counted_places: Any
    """The same of those that count in sums: copies of what another process has do not."""
    alone: Any
    """The rows of parameters of which all processes have the same."""


class Columns:
    """The parameters that processes share, and where their numbers are."""

    def __init__(self, params: Sequence[Any]) -> None:
        self.params = list(params)
        self.places = {id(param): place for place, param in enumerate(self.params)}
        self.known: dict[Any, Any] = {}

    def message(self, tables: Sequence[Table], counts: Counts) -> Any:
        """Put what counts of tables into a message; what is in no table is zero."""
        message = np.zeros(sum(counts))
        for params, columns in tables:
            cells = self._cells(params, counts)
            for index, column in enumerate(columns):
                message[cells.counted_places + index] = _read(column, cells.counted_rows)
        return message

    def put(self, tables: Sequence[Table], counts: Counts, found: Any) -> None:
        """Put sums into the tables from which they came."""
        for params, columns in tables:
            cells = self._cells(params, counts)
            for index, column in enumerate(columns):
                _write(column, cells.rows, found[cells.places + index])

    def elsewhere(self, tables: Sequence[Table], counts: Counts, found: Any) -> list[list[float]]:
        """Give, for each parameter that is in no table, its sums: here it has no gradient, elsewhere it may."""
        missing = self._missing([params for params, _ in tables])
        pieces = pairwise([0, *accumulate(counts)]) if missing else ()
        return [found[first:last].tolist() if place in missing else [] for place, (first, last) in enumerate(pieces)]

    def counted(self, tables: Sequence[Table], counts: Counts) -> list[float]:
        """Give all numbers of shared parameters that count."""
        found: list[float] = []
        for params, columns in tables:
            rows = self._cells(params, counts).counted_rows
            for column in columns:
                found += _read(column, rows).tolist()
        return found

    def alone(self, tables: Sequence[Table], counts: Counts) -> Iterator[Any]:
        """Give all numbers of parameters of which all processes have the same."""
        for params, columns in tables:
            cells = self._cells(params, counts)
            yield from (_read(column, cells.alone) for column in columns if len(cells.alone))

    def _cells(self, params: Sequence[Tensor], counts: Counts) -> Cells:
        key = id(counts), _key(params)
        if key not in self.known:
            self.known[key] = self._found(params, counts)
        return self.known[key]  # type: ignore[no-any-return]

    def _found(self, params: Sequence[Tensor], counts: Counts) -> Cells:
        starts = [0, *accumulate(counts)]
        shared = [(row, self.places[id(param)]) for row, param in enumerate(params) if id(param) in self.places]
        # An owner's sums over whole parameters may be nobody else's.
        found = [(row, place) for row, place in shared if counts[place]]
        alone = [row for row, param in enumerate(params) if id(param) not in self.places]
        rows = np.array([row for row, _ in found], np.int64)
        places = np.array([starts[place] for _, place in found], np.int64)
        counted = np.array([counts_here(self.params[place]) for _, place in found], bool)
        return Cells((params, counts), rows, places, rows[counted], places[counted], np.array(alone, np.int64))

    def _missing(self, tables: Sequence[Sequence[Tensor]]) -> set[int]:
        """Find the places of shared parameters that are in no table."""
        key = tuple(map(_key, tables))
        if key not in self.known:
            here = {id(param) for params in tables for param in params}
            self.known[key] = {place for place, param in enumerate(self.params) if id(param) not in here}
        return self.known[key]  # type: ignore[no-any-return]


def _key(params: Sequence[Tensor]) -> int:
    """Tell lists of parameters apart: those of launches stay as long as their plan, others are made for each step."""
    return id(params[0]) if len(params) == 1 else id(params)


def _read(column: Any, rows: Any) -> Any:
    """Read some rows of a column, wherever it is."""
    return (column.detach().cpu().numpy() if isinstance(column, Tensor) else column)[rows]


def _write(column: Any, rows: Any, numbers: Any) -> None:
    """Write some rows of a column."""
    if isinstance(column, Tensor):
        column[torch.from_numpy(rows).to(column.device)] = torch.from_numpy(numbers).to(column.device)
    else:
        column[rows] = numbers
