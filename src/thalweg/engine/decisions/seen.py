"""What is seen of a tensor, or of a number in its place, and decides what is done with it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..llvm.looking import inside_tensors
from ..operands import facts

OWN = (Tensor, torch.nn.Parameter)
"""The classes of tensors of which all is known by their facts: no part of anything else, and no class of the user's."""

NUMBERS = (float, int, bool, type(None))
"""What stands in the place of a state, and whose class is all that decisions ask for."""

MANY = 256
"""Tensors that are looked at where torch keeps them in less time than it takes to ask for the facts of each."""


def seen_of(value: Any) -> Any:
    """Give what is seen of a tensor or number; None of what may be like nothing else."""
    kind: Any = type(value)
    if kind in NUMBERS:
        return kind
    return facts(value) if kind in OWN and not is_functorch_wrapped_tensor(value) else None


def seen_of_all(values: Sequence[Any]) -> list[Any]:
    """Give what is seen of each; the very same object for all of which the same is seen."""
    alike: dict[Hashable, Any] = {}
    equal: dict[Any, Any] = {}
    likes = iter(_likes([value for value in values if type(value) in OWN]))
    found = []
    for value in values:
        like = next(likes) if type(value) in OWN else id(value)
        if like not in alike:
            seen = seen_of(value)
            alike[like] = equal.setdefault(seen, seen)
        found.append(alike[like])
    return found


def _likes(tensors: Sequence[Tensor]) -> Sequence[Hashable]:
    """Give what is equal only where the same is seen: read where torch keeps it, or of each alone."""
    if len(tensors) < MANY or not inside_tensors.is_possible():
        return list(map(id, tensors))
    # Only now is LLVM needed, and imported.
    from ..llvm.looking.tensor_columns import TensorColumns

    try:
        return list(zip(map(type, tensors), TensorColumns(tensors).likes, strict=True))
    except Exception:
        # It is a short cut; whatever goes wrong with it, each is asked.
        return list(map(id, tensors))
