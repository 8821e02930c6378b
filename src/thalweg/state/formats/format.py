"""How a stored number becomes one to compute with, and back.

A tensor of a plain dtype is widened, and rounded once to nearest even. Everything else is a `Format`: in which tensors
a quantity is kept, and two formulas in the words of every other formula, so that each engine has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from ...formula.graph.expr import BLOCK, Scope, Symbol
from ...formula.graph.ops import Kind
from ...formula.graph.places import FACTORS

NARROW = (torch.bfloat16, torch.float16)
"""Dtypes to keep numbers in; too coarse to compute in."""

PACKED: torch.dtype = torch.uint4  # type: ignore[attr-defined]
"""Whole numbers of 4 bits, two to a byte: torch knows the name, but computes nothing with such tensors."""

WHOLE = (torch.int16, torch.uint8, PACKED)
"""Dtypes that are read as bits."""


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the format that formulas are evaluated in: float32 for the narrow ones, else the real part's own."""
    return torch.float32 if dtype in (*NARROW, *WHOLE, torch.complex32) else dtype.to_real()


def as_real(tensor: Tensor) -> Tensor:
    """View complex numbers as pairs of reals."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def load(tensor: Tensor) -> Tensor:
    """Read a stored tensor as numbers to compute with, or as bits."""
    if tensor.dtype in WHOLE:
        return tensor.to(torch.int32)
    return as_real(tensor.resolve_conj()).to(compute_dtype(tensor.dtype))


def store(tensor: Tensor, value: Any) -> None:
    """Write computed numbers back, rounded once, to nearest even; of bits the last ones."""
    as_real(tensor).copy_(as_tensor(value))


def as_tensor(value: Any) -> Tensor:
    """Turn a number into a tensor that has all of it, wherever tensors are made by default."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64, device="cpu")


@dataclass(frozen=True)
class Part:
    """One of the tensors that a quantity is kept in: its name, or a suffix to the quantity's own."""

    name: str
    dtype: torch.dtype
    scope: Scope = "element"
    is_raw: bool = False
    """True if formulas see the bits of a narrow number, and not the number."""
    is_packed: bool = False
    """True if a byte has two whole numbers of 4 bits."""
    single: tuple[int, ...] = field(default=(), compare=False)
    """The dimensions that have one element, whatever the parameter's have."""
    sizes: tuple[int, ...] = field(default=(), compare=False)
    """The shape of square matrices, and of thin ones."""

    def of(self, quantity: str) -> str:
        """Name the tensor."""
        return quantity + self.name if self.name.startswith("_") else self.name or quantity

    @property
    def kind(self) -> Kind:
        """What formulas read from it."""
        return "bits" if self.memory in WHOLE else "number"

    @property
    def memory(self) -> torch.dtype:
        """As what its memory is read and written."""
        if self.is_packed:
            return PACKED
        return torch.int16 if self.is_raw else self.dtype

    @property
    def is_smaller(self) -> bool:
        """True if there is an element for each row, or column, of the parameter, or for two of them."""
        return self.scope in ("row", "column", *FACTORS)

    @property
    def is_flat(self) -> bool:
        """True if the tensor has one dimension, whatever the parameter's: that of blocks."""
        return self.is_packed or self.scope == "block"

    def shape(self, param: Tensor) -> tuple[int, ...]:
        """Give the shape of a parameter's tensor."""
        blocks = getattr(param, "fragment_count", -(-param.numel() // BLOCK))
        if self.is_packed:
            return (blocks * BLOCK // 2,)
        if self.is_flat:
            return (blocks,)
        if self.scope in FACTORS:
            return self.sizes
        return tuple(1 if place in self.single else size for place, size in enumerate(param.shape))

    def seen(self, tensor: Tensor) -> Tensor:
        """View the tensor so."""
        return tensor.view(torch.int16) if self.is_raw else tensor


@dataclass(frozen=True)
class Format:
    """How a quantity is kept: its tensors, and the formulas that read and write them. This one is the plain one."""

    dtype: torch.dtype
    scope: Scope = field(default="element", kw_only=True)
    single: tuple[int, ...] = field(default=(), kw_only=True, compare=False)
    """The dimensions of which there is one element, where it is kept for each row or column."""
    sizes: tuple[int, ...] = field(default=(), kw_only=True, compare=False)
    """The shape of square matrices, and of thin ones."""

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The tensors, the one with the quantity's own name first."""
        return (Part("", self.dtype, self.scope, single=self.single, sizes=self.sizes),)

    @property
    def is_plain(self) -> bool:
        """True if the dtype says it all."""
        return type(self) is Format

    @cached_property
    def has_blocks(self) -> bool:
        """True if elements are kept together, in the order of memory."""
        return any(part.scope == "block" for part in self.parts)

    @property
    def is_packed(self) -> bool:
        """True if two elements share a byte."""
        return any(part.is_packed for part in self.parts)

    @property
    def is_random(self) -> bool:
        """True if writing draws random bits."""
        return False

    @property
    def words(self) -> str:
        """Say it in words."""
        return str(self.dtype).removeprefix("torch.")

    def symbols(self, quantity: str) -> dict[str, Symbol]:
        """Give a symbol for each tensor, by its name."""
        return {part.of(quantity): Symbol(part.of(quantity), part.scope, kind=part.kind) for part in self.parts}

    def read(self, *kept: Any) -> Any:
        """Compute the quantity from what is kept of it."""
        return kept[0]

    def write(self, value: Any, draw: Callable[[int], Any]) -> tuple[Any, ...]:
        """Compute what is kept of a new value; `draw` gives as many random bits an element as are asked for."""
        return (value,)


@cache
def plain(dtype: torch.dtype) -> Format:
    """Give the format of numbers that are kept as they are: one for all that ask, which knows its parts."""
    return Format(dtype)
