"""What a class's functions take and return: `update`, and those that say what its states begin with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

from torch import Tensor

from ...described import described
from ..graph.expr import Expr

OF_PYTHONS = (int, bool, str, bytes, list, tuple, dict, set)
"""What no state is; `m: float` and `m: Tensor` are read as they are meant."""


def arguments_of(owner: Any) -> list[inspect.Parameter]:
    """Return the arguments of a class's `update`; raises TypeError for what no formula has."""
    name = f"{owner.__name__}.update"
    _check_kind(name, owner.update)
    arguments = list(inspect.signature(owner.update).parameters.values())
    if [argument.name for argument in arguments[1:3]] != ["param", "grad"]:
        raise TypeError(
            f"{name} must take (self, param, grad, *states), but takes "
            f"({', '.join(argument.name for argument in arguments)})"
        )
    for argument in arguments:
        if argument.kind not in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{name} must name each state, but takes {argument}: write it by its name")
    for state in arguments[3:]:
        _check_state(name, state)
    return arguments


def _check_kind(name: str, text: Callable[..., Any]) -> None:
    """Refuse what is no plain function."""
    if not callable(text):
        raise TypeError(f"{name} must be a function, but is {described(text)}: write def update(self, param, grad)")
    if inspect.iscoroutinefunction(text) or inspect.isasyncgenfunction(text):
        raise TypeError(f"{name} must be a plain function, but is async: write def update(self, param, grad)")
    if inspect.isgeneratorfunction(text):
        raise TypeError(f"{name} must return its values, but yields them: write return in place of yield")


def _check_state(name: str, state: inspect.Parameter) -> None:
    """Refuse a state with a default, or one that is said to be something of Python's."""
    if state.default is not state.empty:
        raise TypeError(
            f"{name} takes {state}, but states have no defaults: they begin at 0, or at the number that "
            f"initial_{state.name}(self) returns"
        )
    kind = state.annotation
    if kind in OF_PYTHONS or kind in [other.__name__ for other in OF_PYTHONS]:
        raise TypeError(
            f"{name} takes {state}, but a state is a number for each element: leave the type out, or mark it as Scalar "
            "if it is one number for the whole parameter"
        )


def check_first_values(owner: Any, states: tuple[str, ...]) -> None:
    """Raise TypeError for an `initial_<state>` that is no method of `self` alone."""
    for state in states:
        name = f"initial_{state}"
        method = inspect.getattr_static(owner, name, None)
        if method is None:
            continue
        if not inspect.isfunction(method):
            raise TypeError(
                f"{owner.__name__}.{name} must be a method, but is {described(method)}: write def {name}(self), which "
                "returns a number"
            )
        taken = ", ".join(inspect.signature(method).parameters)
        if taken.count(",") or not taken:
            raise TypeError(
                f"{owner.__name__}.{name} must take (self) alone, but takes ({taken}): it returns one number, which "
                f"all elements begin with; a state that begins as the parameter is marked {state}: Copy"
            )


def one_number(owner: Any, state: str, value: Any) -> Any:
    """Return the number that a state begins with; raises TypeError for what is none."""
    if isinstance(value, Real | Expr) or (isinstance(value, Tensor) and value.numel() == 1):
        return value
    raise TypeError(
        f"{owner.__name__}.initial_{state} must return one number, which all elements begin with, but returned "
        f"{described(value)}: a state that begins as the parameter is marked {state}: Copy"
    )
