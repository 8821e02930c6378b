"""GaLore with directions in few bits, which are looked for less and less often where they stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from ...hyper import Count, OneOf, Range
from .direction_codes import coded, decoded
from .galore import GaLore
from .low_rank_checkpoint import refuse_numbers
from .projections import is_tall, singular_vectors

CODED = CODES, SCALES, ZEROS = "direction_codes", "direction_scales", "direction_zeros"
FIRST, SIMILARITIES, INTERVAL = "first_direction", "similarities", "interval"
"""What is kept of a matrix: its directions; the first of them; how near that came to the one before; its own gap."""


class QGaLore(GaLore):
    """GaLore whose directions are kept in four bits, and found anew less often in layers where they have settled.

    Zhang et al. 2024, "Q-GaLore: Quantized GaLore with INT4 projection and layer-adaptive low-rank gradients",
    algorithm 1, without its weights in eight bits. https://arxiv.org/abs/2407.08296
    `QGaLore(params, thalweg.AdamW, state_dtype="8bit")` has the paper's states. Directions are codes of `bits` bits;
    `group_size` numbers in a row share a scale and a zero. A matrix' own gap, which starts as `gap`, is multiplied by
    `gap_growth` whenever the mean cosine between its first direction and the one before, over the last `queue_size`
    times, is `cos_threshold` or more. All else is as for GaLore.
    Tune: as GaLore.
    """

    bits: Annotated[int, OneOf((4, 8))] = 4
    group_size: Count = 256
    cos_threshold: Annotated[float, Range(-1.0, 1.0)] = 0.4
    gap_growth: Annotated[float, Range(1.0)] = 2.0
    queue_size: Count = 5

    def is_due(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
        """Tell if the gap of this matrix is over."""
        return bool(state["step"] % state.get(INTERVAL, group["gap"]) == 0)

    def find(self, group: Mapping[str, Any], grad: Tensor, index: int, state: Mapping[str, Any]) -> Tensor:
        """Find the singular vectors of the largest singular values."""
        last = self.directions(group, grad, state) if CODES in state else None
        return singular_vectors(grad, group["rank"], last)

    def keep(self, group: Mapping[str, Any], found: Tensor, param: Tensor, state: dict[str, Any]) -> None:
        """Keep codes, and lengthen the gap where directions have stayed."""
        first = found[:, 0].float()
        seen = [float(torch.cosine_similarity(state[FIRST], first, dim=0))] if FIRST in state else []
        state[SIMILARITIES] = [*state.get(SIMILARITIES, []), *seen][-group["queue_size"] :]
        state[INTERVAL] = self._interval(group, state)
        state[FIRST] = first
        # In the order in which the authors keep them.
        flat = (found.mT if is_tall(param) else found).flatten()
        state[CODES], state[SCALES], state[ZEROS] = coded(flat, group["bits"], group["group_size"])

    def _interval(self, group: Mapping[str, Any], state: Mapping[str, Any]) -> int:
        """Give the gap until directions are looked for again."""
        gap, seen = state.get(INTERVAL, group["gap"]), state[SIMILARITIES]
        has_settled = len(seen) == group["queue_size"] and sum(seen) / len(seen) >= group["cos_threshold"]
        return int(gap * group["gap_growth"]) if has_settled else gap

    def directions(self, group: Mapping[str, Any], param: Tensor, state: Mapping[str, Any]) -> Tensor:
        """Read the codes."""
        smaller, rank = min(param.shape), group["rank"]
        flat = decoded(state[CODES], state[SCALES], state[ZEROS], smaller * rank, group["bits"], group["group_size"])
        return (flat.view(rank, smaller).mT if is_tall(param) else flat.view(smaller, rank)).to(param.dtype)

    def refuse_state(self, param: Tensor, kept: dict[str, Any]) -> None:
        """Raise ValueError where codes are not those of this rank, these bits and groups."""
        group = next(group for group in self.param_groups if any(param is other for other in group["params"]))
        stand_in = self.stand_ins.get(param)
        count = min(param.shape) * min(stand_in.shape) if stand_in is not None else 0
        groups = -(-count // group["group_size"])
        sizes = (-(-count * group["bits"] // 8), groups, groups)
        found = tuple(kept[name].numel() if isinstance(kept.get(name), Tensor) else 0 for name in CODED)
        dtypes = [kept[name].dtype for name in CODED] if all(found) else []
        if (
            not count
            or found != sizes
            or dtypes != [torch.uint8, torch.float32, torch.uint8]
            or not _has_past(kept, param)
        ):
            raise ValueError(
                f"{type(self).__name__} needs {', '.join(CODED)} of {sizes} numbers for a parameter of shape "
                f"{tuple(param.shape)}, but the checkpoint has {found}: load it with the rank, bits and group_size "
                "that it was saved with"
            )
        refuse_numbers(type(self).__name__, param, kept)


def _has_past(kept: Mapping[str, Any], param: Tensor) -> bool:
    """Tell if what is known of earlier directions is there."""
    first, seen, gap = kept.get(FIRST), kept.get(SIMILARITIES), kept.get(INTERVAL)
    is_first = isinstance(first, Tensor) and first.dtype is torch.float32 and first.shape == (min(param.shape),)
    are_seen = isinstance(seen, list) and all(type(each) is float for each in seen)
    return is_first and are_seen and type(gap) is int and gap >= 1
