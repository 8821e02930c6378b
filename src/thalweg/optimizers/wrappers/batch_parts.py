"""A batch in parts, each of which has a closure of its own: gradients are the mean of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from ...described import kind_of


class InParts:
    """What stands for a closure, and has one for each part of a batch."""

    def __init__(self, owner: str, closures: Iterable[Callable[[], Any]]) -> None:
        self.closures = tuple(closures) if isinstance(closures, Iterable) else ()
        strange = [kind_of(each) for each in self.closures if not callable(each)]
        if strange or not self.closures:
            got = strange[0] if strange else "none" if isinstance(closures, Iterable) else kind_of(closures)
            raise TypeError(
                f"{owner}.in_parts needs a list of closures, one for each part of the batch, but got {got}: pass "
                "[partial(closure, part) for part in batch.chunk(4)], say"
            )

    def __call__(self) -> Any:
        """Be no closure by itself."""
        raise TypeError("a batch in parts is for the step of an optimizer that the wrapper is around")


def mean_of_parts(evaluate: Callable[[Any], Any], closures: Sequence[Any], params: Callable[[], list[Tensor]]) -> Any:
    """Evaluate each part alone; leave the mean of its gradients behind, and return the mean of the losses."""
    sums: dict[Tensor, Tensor] = {}
    losses = []
    for closure in closures:
        losses.append(evaluate(closure))
        for param in params():
            if param.grad is not None:
                sums[param] = param.grad.clone() if param not in sums else sums[param].add_(param.grad)
    for param, total in sums.items():
        param.grad = total.div_(len(closures))
    return None if any(loss is None for loss in losses) else sum(losses) / len(losses)
