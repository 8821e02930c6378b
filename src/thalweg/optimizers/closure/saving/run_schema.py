"""What a saved run must be like, so that a method can go on from it: each piece as its `state()` returns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ....state.checkpoints.schema import (
    SMALLEST,
    Kind,
    MisfitError,
    flag,
    listed,
    number,
    optional,
    record,
    require,
    several,
    tensor,
    whole,
)
from ..directions.broyden import DenseInverse
from ..directions.conjugate_gradient import ConjugateGradient
from ..directions.limited_memory import LimitedMemory
from ..directions.newton import TruncatedNewton
from ..directions.preconditioner import PAIRS
from ..function.vector import accurate
from ..proposals.dense_levenberg_marquardt import DenseLevenbergMarquardt
from ..proposals.line_search import LineSearch
from ..proposals.trust_region import TrustRegion
from ..run.method import Method
from ..run.result import Reason

NAN_AT_FIRST = number(0.0, may_be_nan=True)
"""A size that is not known before the first step."""

ABOVE_ZERO_AT_LAST = number(SMALLEST, may_be_nan=True)
"""The same, of what is divided by."""

ANY_NUMBER = number(may_be_nan=True)
"""A loss, or what becomes of it: a run that went wrong has saved such, too."""


@dataclass(frozen=True)
class RunSchema:
    """The kinds of everything in a run over one vector; `x` has its length, dtype and device."""

    method: Method
    x: Tensor

    @property
    def run(self) -> Kind:
        """A whole run; what earlier versions did not save may be missing."""
        counts = {name: whole() for name in ("iterations", "evaluations", "products")}
        units = {"loss_unit": number(SMALLEST), "lengths": optional(self.vector_above_zero)}
        losses = dict.fromkeys(("highest", "lowest", "restarted", "first_size"), ANY_NUMBER)
        own = {"here": self.point, "method": self.steps, "scale": optional(self.vector)}
        reason = {"reason": whole(0, len(Reason) - 1)}
        return record({**own, **counts, **reason}, {**units, **losses, "creeping": whole(), "idle": whole()})

    @property
    def vector(self) -> Kind:
        """One real number for each of the parameters'."""
        return tensor(self.x, self.x.numel())

    @property
    def vector_above_zero(self) -> Kind:
        """Lengths."""
        return tensor(self.x, self.x.numel(), low=SMALLEST)

    @property
    def point(self) -> Kind:
        """Vector, value, gradient, and its largest number."""
        return several(self.vector, ANY_NUMBER, self.vector, NAN_AT_FIRST)

    @property
    def steps(self) -> Kind:
        """What the method remembers."""
        if isinstance(self.method, LineSearch):
            return self.line_search(self.method)
        if isinstance(self.method, DenseLevenbergMarquardt):
            return self.least_squares
        assert isinstance(self.method, TrustRegion)
        return self.trust_region

    def line_search(self, method: LineSearch) -> Kind:
        """What the direction remembers, and beside it the search's own."""
        direction, own = self.direction(method), record({"shortened": number(0.0)}, {"face": self.face})
        return lambda name, value: {**own(name, value), **direction(name, value)}

    def direction(self, method: LineSearch) -> Kind:
        """What the direction of a line search remembers."""
        direction = method.direction
        if isinstance(direction, LimitedMemory):
            return self.pairs(direction.history_size)
        if isinstance(direction, DenseInverse):
            return self.inverse(direction.memory.history_size)
        if isinstance(direction, ConjugateGradient):
            return self.last_step
        assert isinstance(direction, TruncatedNewton)
        return record({"newton": flag, "first_steepness": ABOVE_ZERO_AT_LAST})

    def pairs(self, history_size: int) -> Kind:
        """The rows of a limited memory, as many as it says that it has learned and holds."""

        def of(name: str, value: Any) -> dict[str, Any]:
            learned: int = record({"learned": whole()})(name, value)["learned"]
            rows = min(learned, history_size)
            if rows == 0:
                return {"learned": 0}
            pairs = tensor(self.x, rows, self.x.numel())
            wide = self.x.new_zeros((), dtype=accurate(self.x.device))
            small = {"above": tensor(self.x, rows, rows), "y_y": tensor(wide, low=SMALLEST)}
            counts = {"learned": whole(), "room": whole(rows, history_size)}
            first = {"diagonal": self.vector_above_zero, "foretells": whole(0, 1)}
            relaxed = {"factor": number(1.0), "share": ANY_NUMBER}
            return record({**counts, "s": pairs, "y": pairs, **small}, {**first, **relaxed})(name, value)

        return of

    def inverse(self, apart: int) -> Kind:
        """A dense inverse, or the pairs that are still apart."""
        dense = record({"dense": tensor(self.x, self.x.numel(), self.x.numel()), "learned": whole(0, 0)})
        return lambda name, value: (dense if is_in("dense", value) else self.pairs(apart))(name, value)

    def last_step(self, name: str, value: Any) -> dict[str, Any]:
        """The step that the next direction is to be conjugate to, if there is one."""
        step = {"before": self.point, "here": self.point, "d": self.vector, "step": several(*[ANY_NUMBER] * 3)}
        return record({"age": whole(), **(step if is_in("d", value) else {})})(name, value)

    def face(self, name: str, value: Any) -> dict[str, Any]:
        """The numbers that no limit stops, and the pairs on them."""
        kinds = {"on": optional(self.vector), "free": optional(self.vector), "seen": whole(), "size": whole()}
        size = record(kinds)(name, value)["size"]
        return record({**kinds, "memory": self.pairs(size)})(name, value)

    @property
    def trust_region(self) -> Kind:
        """A radius, the first gradient's size, and pairs of the Hessian, which older checkpoints lack."""
        numbers = {"radius": NAN_AT_FIRST, "first_steepness": ABOVE_ZERO_AT_LAST}
        return record(numbers, {"pairs": self.pairs(PAIRS)})

    def least_squares(self, name: str, value: Any) -> dict[str, Any]:
        """A radius, the lengths that it is measured in, and how the residuals bent; a radius comes with its lengths."""
        wide = self.x.to(accurate(self.x.device))
        lengths = optional(tensor(wide, self.x.numel(), low=SMALLEST))
        kinds = {"radius": NAN_AT_FIRST, "scaling": lengths, "bend": self.bend, "jacobians": whole()}
        found = record(kinds)(name, value)
        knows = found["scaling"] is not None
        require(not knows or found["radius"] >= 0, f"{name}['radius']", "a number, at least 0", found["radius"])
        return found

    def bend(self, name: str, value: Any) -> Any:
        """The step, its length, and what it did to the residuals, of which there may be any number."""
        count = value[2].numel() if is_in(2, value) and isinstance(value[2], Tensor) else 0
        wide = self.x.to(accurate(self.x.device))
        residuals = tensor(wide, count)
        return optional(several(tensor(wide, self.x.numel()), number(SMALLEST), residuals, residuals))(name, value)

    def torch_pairs(self, name: str, value: Any) -> dict[str, Any]:
        """What torch.optim.LBFGS keeps, as far as it is taken over."""
        vectors = listed(self.vector)
        kinds = {"n_iter": whole(), "func_evals": whole(), "old_dirs": vectors, "old_stps": vectors}
        found: dict[str, Any] = record(kinds)(name, value)
        steps, changes = found["old_stps"], found["old_dirs"]
        pairs = zip(steps, changes, strict=False)
        if len(steps) != len(changes) or not all(float(torch.dot(*pair)) > 0 for pair in pairs):
            raise MisfitError(f"needs old_stps and old_dirs in {name} to be pairs whose products are above 0")
        return found


def is_in(place: Any, value: Any) -> bool:
    """Return whether something that was saved has an entry."""
    if isinstance(value, Mapping):
        return place in value
    return isinstance(value, list | tuple) and isinstance(place, int) and place < len(value)
