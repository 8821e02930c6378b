"""What the options of closure methods may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

import torch

from ...described import described
from ...hyper import is_among

LEAST = {"max_iter": 1, "max_eval": 1, "history_size": 0, "dense_size": 0}
"""The options that count something, with the least that each may be; `max_eval` may be None."""


def check_counts(owner: str, options: Mapping[str, Any], where: str) -> None:
    """Raise TypeError or ValueError where a count is not a whole number that is large enough."""
    for name, least in LEAST.items():
        value = options.get(name)
        if value is None and (name == "max_eval" or name not in options):
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{owner} needs {name} to be a whole number{where}, but got {value!r}")
        if value < least:
            raise ValueError(f"{owner} needs {name} to be at least {least}{where}, but got {value}")


def check_share(owner: str, name: str, value: Any) -> None:
    """Raise ValueError for a tolerance that is no share of the loss."""
    if not isinstance(value, float | int) or not 0 <= value < 1:
        raise ValueError(f"{owner} needs {name}, a share of the loss, to be in [0, 1), but got {described(value)}")


def check_number(owner: str, name: str, value: Any) -> None:
    """Raise TypeError for what is no real number."""
    if isinstance(value, str) or not isinstance(value, Real):
        raise TypeError(f"{owner} needs {name} to be a number, but got {described(value)}")


def check_function(owner: str, name: str, given: Any) -> None:
    """Raise TypeError for what is to be a function and cannot be called, RuntimeError inside torch.func."""
    if not callable(given):
        raise TypeError(f"{owner} needs {name} to be a function, but got {described(given)}")
    if torch._C._functorch.peek_interpreter_stack() is not None:
        raise RuntimeError(
            f"{owner} cannot run inside torch.func's grad, jacrev or vmap, since it differentiates by itself: pass "
            "differentiable=True and use torch.autograd.grad, or solve many problems with batched=True"
        )


def check_choice(owner: str, name: str, value: Any, known: Collection[Any], where: str) -> None:
    """Raise ValueError for a word that is not known."""
    if not is_among(value, known):
        words = ", ".join(repr(word) for word in known)
        raise ValueError(f"{owner} needs {name} to be one of {words}{where}, but got {value!r}")
