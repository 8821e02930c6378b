"""What is seen of a tensor, or of a number in its place, and decides what is done with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from ..operands import facts

OWN = (Tensor, torch.nn.Parameter)
"""The classes of tensors of which all is known by their facts: no part of anything else, and no class of the user's."""

NUMBERS = (float, int, bool, type(None))
"""What stands in the place of a state, and whose class is all that decisions ask for."""


def seen_of(value: Any) -> Any:
    """Give what is seen of a tensor or number; None of what may be like nothing else."""
    kind: Any = type(value)
    if kind in NUMBERS:
        return kind
    return facts(value) if kind in OWN and not is_functorch_wrapped_tensor(value) else None
