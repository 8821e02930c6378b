"""Which parameters are not to decay towards zero, as good practice has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ...described import shown
from .criteria import hint, is_named
from .found import Found, asked

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


def why_not(found: Found, patterns: Sequence[str], of_model: Sequence[str]) -> str | None:
    """Say why a parameter does not decay, in words that follow "no decay, as"; None if it does."""
    if found.param.ndim <= 1:
        return "it has fewer than two dimensions"
    if any(name.split(".")[-1] == "bias" for name in found.names):
        return "it is a bias"
    if found.modules and isinstance(found.modules[-1], NORMS):
        return f"it belongs to a {type(found.modules[-1]).__name__}"
    if any(is_named(found, pattern) for pattern in of_model):
        return "the model's no_weight_decay() names it"
    fit = next((pattern for pattern in patterns if is_named(found, pattern)), None)
    return None if fit is None else f"its name matches {fit!r}"


def named_by(model: Any) -> tuple[str, ...]:
    """Ask a model, as those of timm can tell, what is not to decay; raises TypeError for what are no names."""
    ask = asked(model, "no_weight_decay")
    told = ask() if ask else ()
    names = tuple(told) if isinstance(told, Iterable) and not isinstance(told, str) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"no_weight_decay() of {type(model).__name__} must list names of parameters, but gave {shown(told)}: mend "
            "it, or pass no_decay=False and say in rules what is not to decay"
        )
    return names


def check_used(patterns: Sequence[str], all_found: Sequence[Found]) -> None:
    """Raise ValueError for a pattern that no parameter's name matches."""
    for pattern in patterns:
        if not any(is_named(found, pattern) for found in all_found):
            raise ValueError(f"no_decay has {pattern!r}, which matches no parameter's name{hint(pattern, all_found)}")
