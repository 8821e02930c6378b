"""Low rank whose directions are tracked and partly drawn, and that makes up for what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from ...described import described
from ...formula import normal
from ...formula.matrices.spectra import decomposed, failures, orthonormalized
from ...hyper import Count, Decay, NonNegative, Positive, Range
from .galore import GROWTH, GaLore
from .projections import add_back, is_tall, projected, sideways, singular_vectors

TRACKED, REST = "tracked", "rest_sq"
"""What is kept of a matrix besides its directions: mean products of what was seen, and mean squares of what was not."""


class Alice(GaLore):
    """Any rule in directions that follow all gradients so far and not the last alone, and the rest, scaled by its size.

    Gong et al. 2025, "Towards efficient optimizer design for LLM via structured Fisher approximation with a low-rank
    extension", Alice. https://arxiv.org/abs/2502.07752
    Every `gap` steps directions come nearer, by one product and an orthogonalization, to the leading ones of a mean of
    G G^T, of which `tracking` is the share that stays: it is kept within the directions, as rank by rank numbers. With
    `tracking=0`, which is the paper's Alice-0, the newest gradient decides. The `leading` ones of them are taken; the
    others are drawn from all that is orthogonal to them, by `seed`, so that none is missed for ever. The rest of the
    gradient is divided by the root of its mean square in each column (or row, of tall matrices), of which `rest_decay`
    is the share that stays, and `compensation` is its share in the step. From one step to the next the
    length of the rest grows by a factor of at most 1.01. The first directions are the first gradient's. The paper's
    rule is Adam without correction for bias: with `AdamW`, which corrects, first steps are up to three times as long.
    Everything else is as for GaLore.
    Tune: lr 0.02, betas (0.9, 0.9), and rank a quarter of the smaller side.
    """

    rank: Count | None = 256
    scale: Positive = 0.3
    leading: Count = 40
    tracking: Decay = 0.999
    compensation: NonNegative = 0.4
    rest_decay: Decay = 0.9
    growth: Annotated[float, Range(1.0)] = GROWTH

    def find(self, group: Mapping[str, Any], grad: Tensor, index: int, state: Mapping[str, Any]) -> Tensor:
        """Bring directions nearer to the leading ones, keep some of these, and draw the others."""
        last, rank = state.get("directions"), group["rank"]
        near = singular_vectors(grad, rank, None) if last is None else _nearer(_mean(group, grad, state), last)
        leading = rank if near is last else min(group["leading"], rank)
        return _drawn(near, leading, group["seed"], index, state["step"])

    def move(self, group: Mapping[str, Any], param: Tensor, step: Tensor, state: dict[str, Any]) -> None:
        """Add the scaled rest of the gradient, then the step, and remember what was seen."""
        if param.grad is None:
            return
        seen = projected(param.grad, state["directions"])
        wide = seen.mT if is_tall(param) else seen
        if group["tracking"]:
            state[TRACKED] = _mixed(state.get(TRACKED), wide @ wide.mT, group["tracking"])
        sign = 1 if group.get("maximize") else -1
        size = float(group["lr"]) * group["scale"] * group["compensation"]
        param.add_(self._rest(group, param.grad, seen, state), alpha=sign * size)
        super().move(group, param, step, state)

    def _rest(self, group: Mapping[str, Any], grad: Tensor, seen: Tensor, state: dict[str, Any]) -> Tensor:
        """Take what the directions leave out, over its root mean square: as many numbers in a line as are left out."""
        directions, rest = state["directions"], grad.clone()
        add_back(rest, seen, directions, -1.0, 1.0)
        squares = rest.square().sum(1 if is_tall(grad) else 0, keepdim=True)
        state[REST] = _mixed(state.get(REST), squares, group["rest_decay"])
        smaller, rank = directions.shape
        scale = torch.where(state[REST] > 0, ((smaller - rank) / state[REST]).sqrt(), 0)
        return _limited(rest * scale.to(rest.dtype), state, group["growth"])

    def refuse_state(self, param: Tensor, kept: dict[str, Any]) -> None:
        """Raise ValueError where what a checkpoint has of a matrix is not of its shape and rank."""
        super().refuse_state(param, kept)
        rank, longer = min(self.stand_ins[param].shape), max(param.shape)
        wanted = {TRACKED: (rank, rank), REST: (longer, 1) if is_tall(param) else (1, longer)}
        for name, shape in wanted.items():
            found = kept.get(name)
            # Without tracking nothing is tracked; of the rest something is known after every step.
            is_fine = name == TRACKED if found is None else isinstance(found, Tensor) and tuple(found.shape) == shape
            if not is_fine:
                raise ValueError(
                    f"Alice needs {name} of shape {shape} for a parameter of shape {tuple(param.shape)}, but the "
                    f"checkpoint has {'none' if found is None else described(found)}: load one of Alice, with the "
                    "ranks that it was saved with"
                )


def _mixed(mean: Tensor | None, new: Tensor, share: float) -> Tensor:
    """Let a mean that begins at zero keep a share of itself, in float32 at least."""
    fine = new.to(torch.promote_types(new.dtype, torch.float32))
    mixed: Tensor = (torch.zeros_like(fine) if mean is None else mean).lerp(fine, 1 - share)
    return mixed


def _limited(update: Tensor, state: dict[str, Any], growth: float) -> Tensor:
    """Shorten what has grown by more than a factor since the last step; after nothing, anything may come."""
    length = torch.linalg.vector_norm(update)
    most = growth * state.get("update_norm", length)
    share = torch.where((most > 0) & (length > most), most / length, 1)
    state["update_norm"] = length * share
    return update * share


def _mean(group: Mapping[str, Any], grad: Tensor, state: Mapping[str, Any]) -> Tensor:
    """Give the mean of G G^T, of which what is older than this step lies in the directions."""
    wide, share = sideways(grad).double(), group["tracking"]
    mean: Tensor = (1 - share) * wide @ wide.mT
    if TRACKED in state:
        directions = state["directions"].double()
        mean = mean + share * directions @ state[TRACKED].double() @ directions.mT
    return mean


def _nearer(mean: Tensor, last: Tensor) -> Tensor:
    """Take a step of subspace iteration; where there is none, the last directions stay, and it is counted.

    Of each direction and its opposite it gives the one nearer to the last, as the rule's means go on.
    """
    basis, _ = orthonormalized(mean @ last.double(), last.double())
    _, turns, failed = decomposed(basis.mT @ mean @ basis)
    found = basis @ turns.flip(-1)
    if not failed and torch.isfinite(found).all():
        return torch.where((found * last).sum(0) < 0, -found, found).to(last.dtype)
    failures.count += 1
    return last


def _drawn(near: Tensor, leading: int, seed: int, index: int, step: int) -> Tensor:
    """Keep the leading directions, and draw as many as are left from what is orthogonal to all that were near.

    Where that has too few, those that were near and are not leading are drawn from, too.
    """
    rank = near.shape[1]
    if leading == rank:
        return near
    across = torch.eye(len(near), dtype=torch.float64, device=near.device) - near.double() @ near.double().mT
    _, vectors, failed = decomposed(across)
    if failed:
        failures.count += 1
        return near
    others = vectors[:, rank:].to(near.dtype)
    if others.shape[1] < rank - leading:
        others = torch.cat((others, near[:, leading:]), 1)
    order = normal(torch.empty(others.shape[1], dtype=torch.float32, device=near.device), seed, index, step).argsort()
    return torch.cat((near[:, :leading], others[:, order[: rank - leading]]), 1)
