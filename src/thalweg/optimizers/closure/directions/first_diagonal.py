"""What a limited memory begins from: a number, or a diagonal where that has foretold the last step better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....engine.llvm.closure_methods.diagonal_update import FARTHEST
from ..function.vector import dot

MARGIN = 1 / 8
"""The power of the number of unknowns that a diagonal must be better by."""


class FirstDiagonal:
    """A diagonal B that learns each pair as BFGS would, and the inverse that it gives the memory to begin from.

    Before it learns, it is scaled so that y'y / s'y, the number that would do in its place, would foretell y as long
    as it does: Gilbert & Lemaréchal 1989, "Some numerical experiments with variable-storage quasi-Newton algorithms",
    https://doi.org/10.1007/BF01589113. The angle between s and what the inverse makes of y, in the lengths
    of B, says how well a matrix foretells. A diagonal is used only after steps whose squared cosine was `margin` times
    that of the number, since one of many numbers may owe a better angle to chance: used always, it took 2.6 times the
    evaluations on a Laplacian, whose diagonal is a number. Both are kept in units of y'y / s'y. One that is not used at
    all has an infinite margin.
    """

    def __init__(self, like: Tensor, used: bool) -> None:
        self.used = used
        self.both = like.new_ones(2, like.numel())
        self.margin = like.numel() ** MARGIN if used else math.inf

    @property
    def diagonal(self) -> Tensor:
        """B, in units of y'y / s'y."""
        return self.both[0]

    @property
    def inverse(self) -> Tensor:
        """What the memory begins from: the inverse of B, or ones."""
        return self.both[1]

    def learn(self, s: Tensor, z: Tensor, y_y: Tensor, is_first: bool) -> None:
        """Take in the pair s and z = -y, in the unit of length that makes s'y = 1; the first is used in any case."""
        if not self.used:
            return
        old = self.diagonal
        scale, foretold = dot(z, z / old) / y_y, dot(s, s * old)
        share = (s / foretold.sqrt()).square_().mul_(old)
        new = (1 - share).mul_(old).mul_(scale).add_((z / y_y.sqrt()).square_())
        least = max(1 / FARTHEST, math.sqrt(torch.finfo(new.dtype).tiny))
        old.copy_(new.clamp_(least, 1 / least))
        fits = self.margin * scale * foretold <= dot(s, s)
        self.inverse.copy_(1 / old if is_first else torch.where(fits, 1 / old, 1.0))

    def times(self, y_y: Tensor, vector: Tensor) -> Tensor:
        """Return the first inverse times a vector, which may be overwritten."""
        return vector.mul_(self.inverse).div_(y_y)

    def state(self) -> dict[str, Any]:
        """Return the diagonal, and whether it is in use."""
        if not self.used:
            return {}
        return {"diagonal": self.diagonal.clone(), "foretells": int(torch.equal(self.inverse, 1 / self.diagonal))}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned; earlier versions had saved nothing, and began from the number."""
        if "diagonal" in state:
            self.diagonal.copy_(state["diagonal"])
            self.inverse.copy_(1 / self.diagonal if state["foretells"] else torch.ones_like(self.diagonal))
