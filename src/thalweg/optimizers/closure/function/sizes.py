"""The sizes that a user expects of the parameters: `x_scale`, the unit each number is measured in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from .given_numbers import numbers_of
from .moving import may_move
from .vector import accurate, real_view


def sizes_of(group: Mapping[str, Any]) -> list[Any]:
    """Return one size per parameter of a group: the group's own for all, or a list's each."""
    sizes, count = group.get("x_scale"), len(group["params"])
    return list(sizes) if isinstance(sizes, list) else [None if is_jac(sizes) else sizes] * count


def is_jac(sizes: Any) -> bool:
    """Return whether sizes are to be taken from the columns of the Jacobian."""
    return isinstance(sizes, str) and sizes == "jac"


def check_sizes(owner: str, group: Mapping[str, Any]) -> None:
    """Raise ValueError for sizes that are not above zero, or not as many as there are numbers."""
    sizes, params = sizes_of(group), group["params"]
    if len(sizes) != len(params):
        raise ValueError(
            f"{owner} needs one x_scale per parameter, but got {len(sizes)} for {len(params)} parameters: pass a list "
            "with one entry for each"
        )
    for index, (param, size) in enumerate(zip(params, sizes, strict=True)):
        if size is not None:
            check_size(owner, f"the x_scale of parameter {index}", param, size)


def check_size(owner: str, what: str, param: Tensor, size: Any) -> None:
    """Raise ValueError for the size of one parameter that is not above zero and finite, or of another shape."""
    if isinstance(size, str):
        raise ValueError(f"{owner} needs x_scale to be numbers, or 'jac' for all parameters, but got {size!r}")
    numbers = numbers_of(what, size)
    if numbers.dim() and numbers.shape != param.shape:
        raise ValueError(
            f"{owner} needs {what} to have its shape {tuple(param.shape)}, but it has {tuple(numbers.shape)}"
        )
    if numbers.is_complex() or not bool(((numbers > 0) & numbers.isfinite()).all()):
        raise ValueError(f"{owner} needs {what} to be above 0 and finite throughout, but got {size!r}")


def units_of(groups: Iterable[Mapping[str, Any]]) -> Tensor | None:
    """Return the size of each real number as one vector; None where none is given."""
    given = [
        (param, size)
        for group in groups
        for param, size in zip(group["params"], sizes_of(group), strict=True)
        if may_move(group, param)
    ]
    if all(size is None for _, size in given):
        return None
    parts = [filled(param, 1.0 if size is None else size) for param, size in given]
    return torch.cat([part.to(parts[0]) for part in parts])


def filled(param: Tensor, size: Any) -> Tensor:
    """Return one size for each real number of a parameter; a complex number's holds for both of its parts."""
    numbers = torch.as_tensor(size, dtype=accurate(param.device), device=param.device).expand_as(param)
    pairs = numbers[..., None].expand_as(real_view(param.detach())) if param.is_complex() else numbers
    return pairs.reshape(-1)
