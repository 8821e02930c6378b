"""What torch.compile leaves alone, without importing the compiler: that takes as long as importing torch."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def uncompiled(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function run as it is when it is met in compiled code, as torch's methods of optimizers do.

    torch's own way imports the compiler at the first call. Where nobody has imported it, nobody compiles.
    """
    plain = inspect.unwrap(function)
    kept_out: Callable[P, R] = torch._disable_dynamo(plain)  # type: ignore[attr-defined]

    @wraps(plain)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        return (kept_out if _compiler_is_there() else plain)(*arguments, **keywords)

    return call


def leave_graph() -> None:
    """Break the graph that torch's compiler is making, if it is making one: what it looks at then runs as it is."""
    if _compiler_is_there() and torch._guards.TracingContext.try_get() is not None:
        raise torch._dynamo.exc.Unsupported("the groups of an optimizer that is not torch's own run as they are")


def _compiler_is_there() -> bool:
    return "torch._dynamo" in sys.modules


class Uncompiled(torch.optim.Optimizer):
    """torch.optim's base class, whose methods do not import the compiler."""

    zero_grad: Any = uncompiled(torch.optim.Optimizer.zero_grad)
    state_dict: Any = uncompiled(torch.optim.Optimizer.state_dict)
    add_param_group: Any = uncompiled(torch.optim.Optimizer.add_param_group)
