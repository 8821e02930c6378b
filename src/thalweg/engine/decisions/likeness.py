"""Which parameters are so alike that what is decided for one of them holds for all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..operands import facts
from .gradients import Ready

OWN = (Tensor, torch.nn.Parameter)
"""The classes of tensors of which all is known by their facts: no part of anything else, and no class of the user's."""

NUMBERS = (float, int, bool, type(None))
"""What stands in the place of a state, and whose class is all that decisions ask for."""


def likeness(item: Ready, held: Mapping[str, Any]) -> Hashable:
    """Give what decisions about a parameter follow from: parameters of which it is equal are alike."""
    seen = [_seen(each) for each in (item.param, item.grad, *held.values())]
    return id(item.param) if None in seen else (id(item.group), item.phase, *held, *seen)


def _seen(value: Any) -> Any:
    """Give what is seen of a tensor or number; None of what may be like nothing else."""
    kind: Any = type(value)
    if kind in NUMBERS:
        return kind
    return facts(value) if kind in OWN and not is_functorch_wrapped_tensor(value) else None
