"""The averaged parameters in the place of the parameters, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..formula.around import EMA


def refuse_within(optimizer: Any, what: str) -> None:
    """Raise RuntimeError where means stand in for the parameters: what is done to them then would be lost."""
    if getattr(optimizer.state, "stands_in", False):
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot do {what}: the averaged parameters stand in for the parameters, which "
            "come back at the end of `with optimizer.averaged():`, so go on after it"
        )


@contextmanager
def swapped_in(optimizer: Any) -> Iterator[None]:
    """Let each parameter be its running mean; afterwards it is what it was, whatever happened.

    Raises RuntimeError if no mean is kept yet, or if the means are there already.
    """
    refuse_within(optimizer, "averaged() within averaged()")
    means = {param: state[EMA] for param, state in optimizer.state.items() if isinstance(state, dict) and EMA in state}
    if not means:
        raise RuntimeError(
            f"{type(optimizer).__name__} has no averaged parameters yet: give it ema_decay=0.999, say, and take a step"
        )
    with torch.no_grad():
        kept = {param: (param.clone(), param._version) for param in means}
        for param, mean in means.items():
            param.copy_(mean)
    states = optimizer.state
    # As long as this counts as a change, no plan of a step fits.
    states.stands_in, states.changes.count = True, states.changes.count + 1
    try:
        yield
    finally:
        states.stands_in, states.changes.count = False, states.changes.count - 1
        with torch.no_grad():
            for param, (value, version) in kept.items():
                param.copy_(value)
                # It is what it was, and what is kept beside it still belongs to it.
                torch._C._autograd._unsafe_set_version_counter((param,), (version,))
