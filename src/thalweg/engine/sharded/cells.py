"""Some rows of a column of numbers, wherever it is: on the host NumPy is quickest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def read(column: Any, rows: Any) -> Any:
    """Read some rows of a column, wherever it is."""
    return (column.detach().cpu().numpy() if isinstance(column, Tensor) else column)[rows]


def write(column: Any, rows: Any, numbers: Any) -> None:
    """Write some rows of a column."""
    if isinstance(column, Tensor):
        column[torch.from_numpy(rows).to(column.device)] = torch.from_numpy(numbers).to(column.device)
    else:
        column[rows] = numbers
