"""What cannot be captured into a CUDA graph, said before anything changes."""

from collections.abc import Sequence
from typing import Any

from ...state.names import name_in
from ..triton.device import device
from .gradients import Ready


def refuse_first_step(optimizer: Any) -> None:
    """Raise RuntimeError where kernels and states would have to be made within a capture."""
    if device.is_capturing():
        raise RuntimeError(
            f"{type(optimizer).__name__}.step cannot be captured into a CUDA graph before it has taken a step with "
            "these parameters and options: take one, then capture"
        )


def refuse_phases(optimizer: Any) -> None:
    """Raise RuntimeError where the device would have to be asked within a capture which phase a step is."""
    if type(optimizer).phases and device.is_capturing():
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot be captured into a CUDA graph, as what its step does depends on the "
            "step's number, and a graph always repeats the same: call step outside of the graph"
        )


def refuse_eager(optimizer: Any, items: Sequence[Ready]) -> None:
    """Raise RuntimeError where the eager engine would have to wait for the device within a capture."""
    if items and device.is_capturing():
        name = name_in(optimizer.param_groups, items[0].param)
        raise RuntimeError(
            f"{type(optimizer).__name__} cannot be captured into a CUDA graph, as {name} is updated by the eager "
            "engine: optimizer.explain() says why"
        )
