"""Parameters that `fully_shard` has replaced since an optimizer was made: it would step nothing, unknown to anybody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ...state.names import name_in
from ...warned import warn

STATES = "torch.distributed._composable_state"
"""torch's module that knows which models are sharded: where nobody has imported it, none is."""


def tell_of_replaced(optimizer: Any) -> None:
    """Warn where no parameter of an optimizer has a gradient, and sharded ones of their shapes have.

    They may belong to another optimizer, so it is no error.
    """
    params = [param for group in optimizer.param_groups for param in group["params"]]
    are_plain = all(type(param) in (Tensor, torch.nn.Parameter) for param in params)
    if params and are_plain and {param.shape for param in params} <= set(shapes_with_gradients()):
        name = type(optimizer).__name__
        warn(
            f"{name} has nothing to step: {name_in(optimizer.param_groups, params[0])} has no gradient, nor has any "
            "other of its parameters, but sharded parameters of their shapes have: if fully_shard has replaced them, "
            f"make {name} after fully_shard(model)"
        )


def shapes_with_gradients() -> Iterator[torch.Size]:
    """Give the whole shapes of parameters that have gradients, of all models that are sharded."""
    known = getattr(sys.modules.get(STATES), "_module_state_mapping", {})
    params = (param for module in list(known) for param in module.parameters())
    return (param.shape for param in params if param.grad is not None)
