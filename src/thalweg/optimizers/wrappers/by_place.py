"""What a wrapper keeps of parameters, by their places in the optimizer: so it is saved, and found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...described import described


def params_of(optimizer: Any) -> list[Tensor]:
    """List an optimizer's parameters, in the order of its groups."""
    return [param for group in optimizer.param_groups for param in group["params"]]


def by_place(kept: Mapping[Tensor, Tensor], params: Sequence[Tensor]) -> dict[int, Tensor]:
    """Give what is kept of parameters to their places."""
    return {place: kept[param] for place, param in enumerate(params) if param in kept}


def by_parameter(owner: str, kept: Any, params: Sequence[Tensor]) -> dict[Tensor, Tensor]:
    """Give each parameter a copy of what was saved for its place; raises ValueError for what does not fit."""
    found: dict[Tensor, Tensor] = {}
    for place, tensor in kept.items() if isinstance(kept, Mapping) else [(None, kept)]:
        param = params[place] if type(place) is int and 0 <= place < len(params) else None
        if param is None or not isinstance(tensor, Tensor) or tensor.shape != param.shape:
            wanted = None if param is None else tuple(param.shape)
            raise ValueError(
                f"{owner} needs a tensor of the shape of parameter {place}, which is {wanted}, but got "
                f"{described(tensor)}: load what was saved with these parameters"
            )
        found[param] = tensor.detach().to(param).clone()
    return found
