"""How many steps parameters have taken, for rules whose steps are not all alike.

A count that lies on a device is read once, and waited for. From then on the host counts along, unless the device may
leave a step out, or somebody else has written the count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor
from torch.autograd.graph import increment_version

from .rules import GATHERS, OBSERVES, OVERFLOWED, phase

STEP = "step"


class Known(NamedTuple):
    """A count as the host knows it: its tensor, how often it had been written then, and its number."""

    tensor: Tensor
    version: int
    taken: int


def taken(optimizer: Any, param: Tensor) -> int:
    """Say how many steps a parameter has taken; a device is asked only if the host has not counted along."""
    count = _count_of(optimizer, param)
    if not _can_be_known(count):
        return int(count)
    known = optimizer._counts.get(id(param))
    if known is None or known.tensor is not count or known.version != count._version:
        optimizer._counts[id(param)] = known = Known(count, count._version, waited_for(count))
    return int(known.taken)


def lies_elsewhere(tensor: Tensor) -> bool:
    """Tell if the host would have to wait for a tensor's numbers."""
    return tensor.device.type != "cpu"


def waited_for(count: Tensor) -> int:
    """Read a count, once all work is done that the device has been given."""
    return int(count)


@contextmanager
def counting_along(optimizer: Any, params: Sequence[Tensor]) -> Iterator[None]:
    """Have the host count a step of parameters on devices, once it is taken: an interrupt leaves nothing known."""
    before, more = [*_set_aside(optimizer, params)], _steps_in_this(optimizer)
    yield
    if more is not None:
        for param, number in before:
            _note(optimizer, param, number + more)


def _set_aside(optimizer: Any, params: Sequence[Tensor]) -> Iterator[tuple[Tensor, int]]:
    """Give what is known of parameters, and forget it."""
    for param in params:
        known = optimizer._counts.pop(id(param), None)
        if STEP not in _state_of(optimizer, param):
            yield param, 0
        elif known is not None:
            yield param, known.taken


def _steps_in_this(optimizer: Any) -> int | None:
    """Say if a step is counted: not if gradients are only gathered, and nobody knows where a device decides."""
    if OVERFLOWED in optimizer.__dict__ or any(group["skip_nonfinite"] for group in optimizer.param_groups):
        return None
    return int(phase(optimizer) not in (GATHERS, OBSERVES))


def _note(optimizer: Any, param: Tensor, number: int) -> None:
    """Note a count, and that it was written: kernels tell nobody, and others may know it, too."""
    count = _count_of(optimizer, param)
    if _can_be_known(count):
        increment_version([count])
        optimizer._counts[id(param)] = Known(count, count._version, number)


def _count_of(optimizer: Any, param: Tensor) -> Any:
    return _state_of(optimizer, param).get(STEP, 0)


def _state_of(optimizer: Any, param: Tensor) -> Mapping[str, Any]:
    found: Mapping[str, Any] = optimizer.state.get(param, {})
    return found


def _can_be_known(count: Any) -> bool:
    """Tell if the host may count along with a device; a tensor made for inference does not say who has written it."""
    return isinstance(count, Tensor) and lies_elsewhere(count) and not count.is_inference()
