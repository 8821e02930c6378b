"""A test problem: a formula, its source, the standard start and the known minimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Formula = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Problem:
    """A function of one float64 vector."""

    name: str
    source: str
    start: Tensor
    minimum: float
    value: Formula
    residuals: Formula | None = None
    hard: bool = False

    @property
    def size(self) -> int:
        return self.start.numel()

    @property
    def budget(self) -> int:
        """Evaluations allowed."""
        return 20_000 if self.hard else 2_000

    @property
    def target(self) -> float:
        """Solved at f - f* <= 1e-8 (f0 - f*)."""
        return self.minimum + 1e-8 * (float(self.value(self.start)) - self.minimum)


PROBLEMS: list[Problem] = []


def squares(
    source: str, start: list[float] | Tensor, minimum: float, hard: bool = False
) -> Callable[[Formula], Formula]:
    """Register a sum of squared residuals."""

    def register(residuals: Formula) -> Formula:
        def value(x: Tensor) -> Tensor:
            return residuals(x).square().sum()

        add(residuals.__name__, source, start, minimum, value, residuals, hard)
        return residuals

    return register


def function(
    source: str, start: list[float] | Tensor, minimum: float, hard: bool = False
) -> Callable[[Formula], Formula]:
    """Register a function."""

    def register(value: Formula) -> Formula:
        add(value.__name__, source, start, minimum, value, None, hard)
        return value

    return register


def add(
    name: str,
    source: str,
    start: list[float] | Tensor,
    minimum: float,
    value: Formula,
    residuals: Formula | None,
    hard: bool,
) -> None:
    first = torch.as_tensor(start, dtype=torch.float64)
    PROBLEMS.append(Problem(name, source, first, minimum, value, residuals, hard))


def count(n: int) -> Tensor:
    """Return 1, 2, ..., n."""
    return torch.arange(1, n + 1, dtype=torch.float64)


def numbers(text: str) -> Tensor:
    """Return the numbers of a table."""
    return torch.tensor([float(word) for word in text.split()], dtype=torch.float64)
