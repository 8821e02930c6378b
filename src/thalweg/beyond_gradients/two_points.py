"""Optimizers that take gradients at one point, and are to be judged at another: `train()` and `eval()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..optimizer import Optimizer
from ..state.averaged import evaluate, go_on, stands_in_again


class TwoPoints(Optimizer):
    """An optimizer whose parameters are the point to take gradients at, and whose result is an average of points.

    Call `optimizer.eval()` before validation, and before the model is saved; call `optimizer.train()` before training
    goes on. Either may be called twice. A new optimizer trains. `with optimizer.averaged():` is both in one.

    A subclass has two formulas besides `update`, of the parameter and some of its states that are marked `Copy`.
    """

    formulas = ("average", "training_point")
    average: ClassVar[Callable[..., Any]]
    """Gives the average, from the point to train at."""
    training_point: ClassVar[Callable[..., Any]]
    """Gives the point to train at, from the average."""

    def eval(self) -> None:
        """Let the parameters be the average: what is to be validated, and saved. A step then raises RuntimeError."""
        kept = evaluate(self)
        if kept is not None:
            self._training_points = kept

    def train(self) -> None:
        """Let the parameters be the point to train at: to the bit what it was, unless a checkpoint was loaded since."""
        go_on(self, self.__dict__.pop("_training_points", {}))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        stands_in_again(self)
