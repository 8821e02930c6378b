"""Where `curve_fit` starts: at the first guesses that it is given, else at numbers within the bounds."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..batches.members import stacked
from ..function.given_numbers import numbers_of

Model = Callable[..., Tensor]


def guessed(f: Model, p0: Any, bounds: Any, batched: bool) -> Tensor:
    """Return the first guesses: as given, else ones or numbers within the bounds; of one data set they are flat."""
    if p0 is not None:
        guess = numbers_of("p0", p0) if isinstance(p0, Tensor) else stacked_or_flat(p0)
        return checked_count(f, guess.detach() if batched and guess.dim() else guess.detach().reshape(-1))
    _, most = counts_of(f)
    if math.isinf(most) or most < 1:
        raise ValueError("curve_fit cannot tell how many parameters f has: give their first guesses as p0")
    low, high = bounds or (None, None)
    return within(limits(-math.inf if low is None else low, most), limits(math.inf if high is None else high, most))


def checked_count(f: Model, guess: Tensor) -> Tensor:
    """Return the first guesses; raises ValueError where f takes fewer or more, or they are not finite for all data.

    Raises TypeError for complex ones.
    """
    if guess.is_complex():
        raise TypeError(f"curve_fit needs real p0, but its dtype is {guess.dtype}: give each part a parameter of f")
    (least, most), count = counts_of(f), guess.shape[-1]
    if not least <= count <= most:
        some = f"{least:.0f}" if least == most else f"at least {least:.0f}" if count < least else f"at most {most:.0f}"
        raise ValueError(f"curve_fit needs one first guess in p0 for each parameter of f, {some}, but got {count}")
    bad = 0 if guess.dim() > 1 else int((~guess.isfinite()).sum())
    if bad:
        raise ValueError(f"curve_fit needs finite first guesses, but {bad} of the {count} in p0 are not")
    return guess


def counts_of(f: Model) -> tuple[float, float]:
    """Return the least and the largest number of parameters that f takes after x."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return 0, math.inf
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    places = [parameter for parameter in parameters if parameter.kind in kinds]
    needed = sum(parameter.default is inspect.Parameter.empty for parameter in places)
    endless = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    return needed - 1, math.inf if endless else len(places) - 1


def limits(side: Any, count: float) -> Tensor:
    """Return the limits on one side, one for each parameter; raises ValueError for another number of them."""
    given = numbers_of("the bounds of curve_fit", side).double()
    if given.dim() and given.shape != (int(count),):
        raise ValueError(
            f"curve_fit needs bounds for the {count:.0f} parameters of f, but got {tuple(given.shape)} on a side"
        )
    return given.expand(int(count))


def stacked_or_flat(p0: Any) -> Tensor:
    """Return guesses given as numbers, or as rows of a batch."""
    rows = list(p0) if isinstance(p0, list | tuple) else p0
    nested = isinstance(rows, list) and any(isinstance(row, list | tuple | Tensor) for row in rows)
    return stacked("curve_fit", "p0", rows) if nested else numbers_of("p0", rows)


def within(low: Tensor, high: Tensor) -> Tensor:
    """Return one where nothing is bounded, the middle between two limits, one beyond a single one; as SciPy starts."""
    middle = torch.where(high.isfinite(), 0.5 * (low + high), low + 1)
    return torch.where(low.isfinite(), middle, torch.where(high.isfinite(), high - 1, 1.0))
