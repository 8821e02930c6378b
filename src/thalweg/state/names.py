"""What a parameter is called in messages and checkpoints."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.nn.parameter import is_lazy

from ..formula.rule.facts import whole_shape

NEEDS_SHAPES = "goes by shapes"
HAS_NONE = "of a lazy module has none yet: run a batch through the model first"


def name_of(group: dict[str, Any], index: int, group_index: int) -> str:
    """Name the parameter at a place: by its own name where the user gave one."""
    if "param_names" in group:
        return f"parameter {group['param_names'][index]!r}"
    param = group["params"][index]
    shape = "none yet" if is_lazy(param) else whole_shape(param)
    return f"parameter {index} of group {group_index} (shape {shape})"


def name_in(groups: list[dict[str, Any]], wanted: Tensor) -> str:
    """Name a parameter wherever it stands among the groups."""
    places = (place for place in named(groups) if place[1] is wanted)
    return next((name for name, _ in places), f"a parameter of shape {whole_shape(wanted)}")


def named(groups: list[dict[str, Any]]) -> Iterator[tuple[str, Tensor]]:
    """Walk over all parameters with what each is called."""
    for group_index, group in enumerate(groups):
        for index, param in enumerate(group["params"]):
            yield name_of(group, index, group_index), param


def refuse_lazy(groups: list[dict[str, Any]], who: str) -> None:
    """Raise ValueError where who asks goes by shapes, and a parameter of a lazy module has none yet."""
    if any(is_lazy(param) for group in groups for param in group["params"]):
        lazy = next(name for name, param in named(groups) if is_lazy(param))
        raise ValueError(f"{who} {NEEDS_SHAPES}, but {lazy} {HAS_NONE}")
