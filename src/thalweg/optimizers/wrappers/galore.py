"""Methods of low rank: which directions of a gradient, and what becomes of the rest of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from ...hyper import Count, OneOf, Positive, Range
from .low_rank import LowRank
from .projections import add_back, is_tall, projected, random_directions, singular_vectors

GROWTH = 1.01
"""By how much the length of an update may grow from one step to the next: Chen et al. 2024, section 4.3."""


class GaLore(LowRank):
    """Any rule in the directions of the gradient's largest singular values, so that its states are small.

    Zhao et al. 2024, "GaLore: Memory-efficient LLM training by gradient low-rank projection", algorithm 2.
    https://arxiv.org/abs/2403.03507
    `GaLore(params, thalweg.AdamW, rank=128, lr=0.01)` takes all options of the rule, and any rule whose step depends on
    gradients alone: `state_dtype="8bit"` gives 8-bit GaLore, `thalweg.Adafactor` the authors' other one. Each matrix of
    m by n numbers, m the smaller side, has directions of m by rank, found anew every `gap` steps, and states of rank by
    n; the rule's moments stay as they are when directions change. While a step is taken there are rank by n numbers
    more, in which the rule steps. A step is multiplied by `scale`; then the new matrix decays by lr * weight_decay,
    whatever the rule does with its decay. Parameters that are no matrices, and groups with `rank=None`, are stepped by
    the rule itself.

    Where singular vectors cannot be found, the last directions stay, and `metrics["failed_decompositions"]` counts it.
    Raises ValueError for a rank larger than a matrix, and for a rule whose step depends on the parameter, as LAMB's.
    Tune: lr 0.01 with the scale of 0.25; rank a quarter of the smaller side or less.
    """

    rank: Count | None = 128
    gap: Count = 200
    scale: Positive = 0.25

    def find(self, group: Mapping[str, Any], grad: Tensor, index: int, state: Mapping[str, Any]) -> Tensor:
        """Find the singular vectors of the largest singular values."""
        return singular_vectors(grad, group["rank"], state.get("directions"))

    def move(self, group: Mapping[str, Any], param: Tensor, step: Tensor, state: dict[str, Any]) -> None:
        """Add the step, and decay."""
        kept = 1 - float(group["lr"]) * float(group.get("weight_decay", 0))
        add_back(param, step, self.directions(group, param, state), group["scale"] * kept, kept)


class Fira(GaLore):
    """GaLore's steps plus the rest of the gradient, scaled as the rule has scaled the part that it sees.

    Chen et al. 2024, "Fira: Can we achieve full-rank training of LLMs under low-rank constraint?", algorithm 1.
    https://arxiv.org/abs/2410.01623
    Each column of the rest (or row, of tall matrices) is multiplied by the length of the rule's step there, over the
    length of the projected gradient. From one step to the next, the length of the rest grows by a factor of at most
    1.01. Everything else is as for GaLore.
    Tune: lr as for the rule itself.
    """

    scale: Positive = 1.0

    def move(self, group: Mapping[str, Any], param: Tensor, step: Tensor, state: dict[str, Any]) -> None:
        """Add the scaled rest of the gradient, then the step."""
        rate = float(group["lr"])
        if param.grad is None or not rate:
            return
        directions, seen = state["directions"], projected(param.grad, state["directions"])
        rest = param.grad.clone()
        add_back(rest, seen, directions, -1.0, 1.0)
        rest *= lengths(step) / (lengths(seen) + 1e-8)
        sign = 1 if group.get("maximize") else -1
        param.add_(limited(rest, rate, state, GROWTH), alpha=sign * group["scale"])
        super().move(group, param, step, state)


class APOLLO(LowRank):
    """The gradient itself, scaled as a rule would scale it; the scale is estimated in a few random directions.

    Zhu et al. 2024, "APOLLO: SGD-like memory, AdamW-level performance", algorithm 1. https://arxiv.org/abs/2412.05270
    The gradient is projected onto `rank` random directions, and the rule computes its step there. Each column of the
    whole gradient (or row, of tall matrices) is multiplied by the length of that step there, over the length of the
    projected gradient, and by the root of `scale`. Directions are drawn anew every `gap` steps; they follow from
    `seed`, the parameter and the step. With `scale_type="tensor"` a whole matrix has one such factor: APOLLO-Mini
    is `APOLLO(params, rank=1, scale=128, scale_type="tensor")`. From one step to the next, the length of an update
    grows by a factor of at most 1.01. `projection="svd"` takes the directions of GaLore. Which rules can be
    used, how weights decay and what is refused is as for GaLore.
    Tune: lr 0.01 with rank 256, or a quarter of the smaller side.
    """

    rank: Count | None = 128
    gap: Count = 200
    scale: Positive = 1.0
    scale_type: Annotated[str, OneOf(("channel", "tensor"))] = "channel"
    projection: Annotated[str, OneOf(("random", "svd"))] = "random"
    growth: Annotated[float, Range(1.0)] = GROWTH

    def find(self, group: Mapping[str, Any], grad: Tensor, index: int, state: Mapping[str, Any]) -> Tensor:
        """Draw directions, or find them."""
        if group["projection"] == "svd":
            return singular_vectors(grad, group["rank"], state.get("directions"))
        return random_directions(grad, group["rank"], group["seed"], index, state["step"])

    def move(self, group: Mapping[str, Any], param: Tensor, step: Tensor, state: dict[str, Any]) -> None:
        """Scale the gradient as the rule has scaled what it saw of it."""
        rate = float(group["lr"])
        if param.grad is None or not rate:
            return
        seen = projected(param.grad, state["directions"])
        measure = lengths if group["scale_type"] == "channel" else torch.linalg.vector_norm
        update = limited(param.grad * (measure(step) / (measure(seen) + 1e-8)), rate, state, group["growth"])
        sign = 1 if group.get("maximize") else -1
        param.add_(update, alpha=sign * float(group["scale"]) ** 0.5)
        param.mul_(1 - rate * float(group.get("weight_decay", 0)))


def lengths(matrix: Tensor) -> Tensor:
    """Measure each line of the longer side: columns of a wide matrix, rows of a tall one."""
    found: Tensor = torch.linalg.vector_norm(matrix, dim=1 if is_tall(matrix) else 0, keepdim=True)
    return found


def limited(update: Tensor, rate: Any, state: dict[str, Any], growth: float) -> Tensor:
    """Shorten an update whose length, over the learning rate, has grown by more than a factor since the last step."""
    length = torch.linalg.vector_norm(update) / rate
    last = state.get("update_norm")
    excess = 1.0 if last is None else (length / (last + 1e-8)).clamp(min=growth) / growth
    state["update_norm"] = length / excess
    return update / excess
