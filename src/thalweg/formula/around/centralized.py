"""Gradients of matrices, less the mean of each row."""

from __future__ import annotations

from typing import Any

from ..rule.rule import Update, Values
from ..words.elements import row_mean


def centralized(inner: Update) -> Update:
    """Take the mean of each row off the gradient, so that steps do not move a neuron's mean weight.

    Yong et al. 2020, "Gradient centralization: a new optimization technique for deep neural networks", equation 1.
    https://arxiv.org/abs/2004.01461
    Which dimensions are rows, the class says: the first against all others, where it says nothing.
    """

    def update(self: Any, now: Values) -> Values:
        if not self.gradient_centralization or not self.is_matrix:
            return inner(self, now)
        return inner(self, now | {"grad": now["grad"] - row_mean(now["grad"])})

    return update
