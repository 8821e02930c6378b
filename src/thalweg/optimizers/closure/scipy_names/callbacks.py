"""Callbacks as SciPy's users write them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

import numpy as np
import torch

from ..function.given_numbers import described
from .fields import Fields

RESULT = "intermediate_result"
"""The name of the parameter by which SciPy hands over a result."""

ENDLESS = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

Told = Callable[[Any, Fields], object]


def callback_read(callback: Callable[..., object]) -> Told:
    """Return the user's callback as a function of x and a result that returns True to stop.

    It stops by returning True, be it Python's, NumPy's or torch's, or by raising StopIteration. Raises TypeError for
    what cannot be called with what there is to tell.
    """
    if not callable(callback):
        raise TypeError(f"callback must be a function of x, but got {described(callback)}")
    call = call_of(callback)

    def told(x: Any, found: Fields) -> object:
        try:
            return is_true(call(x, found))
        except StopIteration:
            return True

    return told


def call_of(callback: Callable[..., object]) -> Told:
    """Return how to call it: with the result by name, as in SciPy, with x and the result, with x, or with nothing."""
    parameters = parameters_of(callback)
    by_place = [each for each in parameters if each.kind not in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD)]
    needed = [each.name for each in parameters if each.default is each.empty and each.kind not in ENDLESS]
    if needed == [RESULT] or (not by_place and not needed and takes_any_name(parameters)):
        return lambda x, found: callback(**{RESULT: found})
    if len(needed) > min(2, len(by_place)):
        raise TypeError(
            f"callback must be a function of x, of x and a result, of {RESULT} alone, or of nothing, but it needs "
            f"{', '.join(needed)}"
        )
    if len(needed) == 2:
        return callback
    return (lambda x, found: callback(x)) if by_place else (lambda x, found: callback())


def takes_any_name(parameters: list[Parameter]) -> bool:
    """Return whether a function takes whatever it is given by name."""
    return any(each.kind is Parameter.VAR_KEYWORD for each in parameters)


def parameters_of(callback: Callable[..., object]) -> list[Parameter]:
    """Return the parameters of a callback; one that does not say is taken for a function of x."""
    try:
        return list(inspect.signature(callback).parameters.values())
    except (TypeError, ValueError):
        return [Parameter("x", Parameter.POSITIONAL_ONLY)]


def is_true(returned: object) -> bool:
    """Return whether a callback has returned True, and not merely something."""
    if isinstance(returned, torch.Tensor):
        return returned.dtype is torch.bool and returned.numel() == 1 and bool(returned)
    return isinstance(returned, bool | np.bool_) and bool(returned)
