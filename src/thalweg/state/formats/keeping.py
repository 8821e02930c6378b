"""In which format each quantity of a parameter is kept: what the options ask for, and what is there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from ...described import described
from ...distributed.shards import is_sharded
from ...formula.graph.places import FACTORS
from ...formula.rule.facts import whole_shape
from ...formula.rule.rule import Rule
from ...formula.tracing.trace import Formula
from .blocks import FEWEST, SCALE, Blocks
from .format import NARROW, Format, compute_dtype, plain
from .sixteen_bits import COMPENSATION, LOW_BITS, Compensated, Rounded, Split

ROUNDINGS = ("nearest", "stochastic", "kahan", "master")
EIGHT_BITS, FOUR_BITS = CODED = ("8bit", "4bit")
STATE_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, *CODED)

BESIDE = (COMPENSATION, LOW_BITS)
"""What may be kept beside a parameter."""


def param_format(param: Tensor, rounding: str | None) -> Format:
    """Say how a parameter is kept; rounding is for the narrow ones alone."""
    if param.dtype not in NARROW or rounding in (None, "nearest"):
        return plain(param.dtype)
    if rounding == "stochastic":
        return Rounded(param.dtype, is_stochastic=True)
    return Compensated(param.dtype) if rounding == "kahan" else Split(param.dtype)


def state_format(rule: Rule, name: str, param: Tensor, group: Mapping[str, Any], state: Mapping[str, Any]) -> Format:
    """Say how a state is kept: as it is, if it is there, else as the options ask."""
    kept = state.get(name)
    if rule.scope(name) in FACTORS:
        return _factor_format(rule, name, param, group, kept)
    if rule.scope(name) in ("row", "column"):
        return _line_format(rule, name, param, group, kept)
    if isinstance(kept, Tensor):
        is_coded = kept.dtype is torch.uint8 and state.get(name + SCALE) is not None
        dtype: Any = _coded(kept, param) if is_coded else kept.dtype
    else:
        dtype = wanted_dtype(rule, name, param, group)
    is_unsigned = name in rule.unsigned
    if dtype in CODED:
        return Blocks(is_unsigned=is_unsigned, bits=4 if dtype == FOUR_BITS else 8)
    is_stochastic = group["rounding"] == "stochastic"
    if dtype in NARROW and (is_stochastic or (is_unsigned and dtype is torch.float16)):
        return Rounded(dtype, is_stochastic, is_unsigned)
    return plain(dtype)


def _line_format(rule: Rule, name: str, param: Tensor, group: Mapping[str, Any], kept: Any) -> Format:
    """Say how a state of rows or columns is kept: there are few of them, so no codes are worth their while."""
    dtype = kept.dtype if isinstance(kept, Tensor) else wanted_dtype(rule, name, param, group)
    sides = rule.owner.sides(tuple(param.shape), group)
    scope = rule.scope(name)
    single = () if sides is None else sides.columns if scope == "row" else sides.rows
    return Format(torch.float32 if dtype in CODED else dtype, scope=scope, single=single)


def _factor_format(rule: Rule, name: str, param: Tensor, group: Mapping[str, Any], kept: Any) -> Format:
    """Say how a matrix of another shape is kept: as finely as is computed, since eigenvectors want that."""
    dtype = kept.dtype if isinstance(kept, Tensor) else compute_dtype(param.dtype)
    sides, scope = rule.owner.sides(tuple(param.shape), group), rule.scope(name)
    if sides is None:
        return Format(dtype, scope=scope)
    _, rows, columns = sides.count(param.shape)
    sizes = {
        "left": (rows, rows),
        "right": (columns, columns),
        "thin": (columns, _directions(rule.owner, rows, columns, group)),
    }
    return Format(dtype, scope=scope, sizes=(*sides.batch(param.shape), *sizes[scope]))


def _directions(owner: Any, rows: int, columns: int, group: Mapping[str, Any]) -> int:
    """Ask how many columns a thin state has; raises TypeError for what counts nothing."""
    count = owner.directions(rows, columns, group)
    if not isinstance(count, int) or count < min(1, rows, columns):
        raise TypeError(
            f"{owner.__name__}.directions must return a whole number, at least 1, but returned {described(count)}"
        )
    return count


def _coded(codes: Tensor, param: Tensor) -> str:
    """Tell by their shape how many bits codes have."""
    return EIGHT_BITS if codes.shape == param.shape else FOUR_BITS


def wanted_dtype(rule: Rule, name: str, param: Tensor, group: Mapping[str, Any]) -> Any:
    """Say in what a new state is to be kept: a dtype, or 8 or 4 bits."""
    choice = group["state_dtype"]
    if name in rule.wide or (choice is None and group["rounding"] == "master" and param.dtype in NARROW):
        return _as_param(compute_dtype(param.dtype), param)
    if choice is None:
        return param.dtype
    if choice in CODED:
        return _bits(choice, param) if prod(whole_shape(param)) >= FEWEST else torch.float32
    return _as_param(choice, param)


def _bits(choice: str, param: Tensor) -> str:
    """Leave it at 8 bits where the order in memory is not that of the indices: codes of 4 bits could not show it."""
    return choice if param.is_contiguous() else EIGHT_BITS


def _as_param(dtype: torch.dtype, param: Tensor) -> torch.dtype:
    return dtype.to_complex() if param.is_complex() else dtype


def formats(
    rule: Rule, states: list[str], param: Tensor, group: Mapping[str, Any], state: Mapping[str, Any]
) -> Iterator[tuple[str, Format]]:
    """Name the format of the parameter and of each state, in the order in which they are written."""
    yield "param", param_format(param, group["rounding"])
    for name in states:
        if name not in rule.scalars:
            yield name, state_format(rule, name, param, group, state)


def draws(group: Mapping[str, Any]) -> bool:
    """Tell if random numbers are drawn under these options."""
    return bool(group["rounding"] == "stochastic" or group["state_dtype"] in CODED)


def keeps_anything(formula: Formula, kept: Mapping[str, Format]) -> bool:
    """Tell if anything is remembered from step to step, be it only beside the parameter."""
    return formula.keeps_anything or len(kept["param"].parts) > 1


def whole_fault(param: Tensor, group: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say which format cannot be of a sharded parameter that torch steps as a whole, and what the parameter is."""
    rounding, choice = group["rounding"], group["state_dtype"]
    if is_sharded(param) and (choice in CODED or rounding in ("stochastic", "master")):
        name = "state_dtype" if choice in CODED else "rounding"
        return (
            f"{name}={group[name]!r} works on the bits of a tensor that each process has a part of, or all",
            "is sharded, and its rule needs the whole: choose rounding='kahan' or a state_dtype of torch.bfloat16",
        )
    return None


def fault(param: Tensor, group: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say what rule a format breaks for a parameter, and what the parameter is; None if it fits."""
    rounding, choice = group["rounding"], group["state_dtype"]
    dtype = str(param.dtype)
    if rounding == "master" and param.dtype is torch.float16:
        return (
            "rounding='master' needs bfloat16, whose exponents are float32's",
            f"is {dtype}: choose 'stochastic' or 'kahan'",
        )
    if choice is torch.float64 and compute_dtype(param.dtype) is torch.float32:
        return (
            f"state_dtype={choice} is for parameters that are computed with in float64",
            f"is {dtype}: choose None, torch.float32, torch.bfloat16, torch.float16, '8bit' or '4bit'",
        )
    narrow = choice in (*NARROW, *CODED)
    if narrow and param.is_complex():
        return f"state_dtype={choice!r} is for real numbers", f"is {dtype}: choose None, torch.float32 or torch.float64"
    if narrow and compute_dtype(param.dtype) is torch.float64:
        return (
            f"state_dtype={choice!r} is for parameters that are computed with in float32",
            f"is {dtype}: choose None, torch.float32 or torch.float64",
        )
    return None
