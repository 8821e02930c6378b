"""What an optimizer keeps in memory, and what it will keep once it has stepped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor

from ..distributed.shards import is_sharded
from ..formula.rule.facts import known
from ..formula.tracing.trace import formula_of
from .formats.format import Part
from .formats.keeping import BESIDE, formats
from .names import refuse_lazy

COLUMNS = ("parameters", "gradients", "states", "compensation")


@dataclass(frozen=True)
class Share:
    """Bytes of a group, or of all: what is there, or will be after the first step."""

    parameters: int = 0
    gradients: int = 0
    states: int = 0
    compensation: int = 0
    """What is kept beside parameters, so that rounding loses nothing: `rounding="kahan"` and `"master"`."""

    def __add__(self, other: Share) -> Share:
        return Share(*(getattr(self, name) + getattr(other, name) for name in COLUMNS))

    @property
    def total(self) -> int:
        """All of it."""
        return sum(getattr(self, name) for name in COLUMNS)


@dataclass(frozen=True)
class Memory:
    """The bytes of each group, and of all together; printed, a table."""

    groups: tuple[Share, ...]

    @property
    def all(self) -> Share:
        """The groups together."""
        return sum(self.groups, Share())

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("group", *COLUMNS, "in all")]
        shares = [*((str(index), share) for index, share in enumerate(self.groups)), ("all", self.all)]
        rows += [(name, *(_bytes(getattr(share, column)) for column in (*COLUMNS, "total"))) for name, share in shares]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def memory_of(optimizer: Any) -> Memory:
    """Count the bytes of each group."""
    refuse_lazy(optimizer.param_groups, "memory")
    return Memory(tuple(sum(_shares(optimizer, group), Share()) for group in optimizer.param_groups))


def _shares(optimizer: Any, group: Mapping[str, Any]) -> Iterator[Share]:
    for param in group["params"]:
        state = optimizer.state.get(param, {})
        formula = formula_of(optimizer.rule_in(group), known(type(optimizer), param, group))
        kept = dict(formats(formula.rule, formula.states, param, group, state))
        is_divided = is_sharded(param) or optimizer._division is not None
        sizes = {
            part.of(name): _size(part, param, state.get(part.of(name)), is_divided)
            for name, form in kept.items()
            for part in form.parts
        }
        own = sizes.pop("param")
        beside = sum(sizes.pop(name, 0) for name in BESIDE)
        has_grad = param.requires_grad or param.grad is not None
        yield Share(own, own if has_grad else 0, sum(sizes.values()), beside)


def _size(part: Part, param: Tensor, there: Any, is_divided: bool) -> int:
    """Count the bytes of a tensor, or of the one that will be made.

    Where processes have parts of a parameter, a tensor that is no DTensor may be the part of this process alone.
    """
    if isinstance(there, Tensor) and (is_sharded(there) or not is_divided):
        return int(there.nbytes)
    return prod(part.shape(param)) * part.dtype.itemsize


def _bytes(count: int) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000  # type: ignore[assignment]
    return f"{count:.4g} GB"
