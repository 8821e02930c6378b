"""What the loop asks of a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from ..function.bounds import Box
from ..function.objective import Objective, Point


class Method(Protocol):
    """A way from one point to a lower one: a direction with a search, or a model with a trust region.

    `lr` multiplies the first step tried, `scale` the direction number by number, and `box` bounds the vector. Where
    `measured`, the method sees everything in the units of the run.
    """

    measured: bool
    lr: float
    scale: Tensor | None
    box: Box | None

    def advance(self, objective: Objective, here: Point) -> Point | None:
        """Return the next point, None where none was found, or raise BudgetError."""
        ...

    @property
    def fresh(self) -> bool:
        """Whether the method remembers nothing, so that forgetting cannot help."""
        ...

    def forget(self) -> None:
        """Start anew, by steepest descent."""
        ...

    def displaced(self) -> None:
        """Forget what holds only for the point left."""
        ...

    def promise(self, objective: Objective, here: Point, least: float) -> float:
        """Return by how much the method's model would lower the loss, if by more than `least`, else zero."""
        ...

    def unseen(self, objective: Objective, here: Point) -> Tensor | None:
        """Return the ways along which the method's model knows nothing of the loss, if any."""
        ...

    def sees_nothing(self, objective: Objective, here: Point) -> bool:
        """Return whether the loss cannot tell what the model promises, where that knows more than slopes."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what a run needs to go on."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        ...
