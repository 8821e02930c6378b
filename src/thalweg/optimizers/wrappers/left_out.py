"""Steps that an optimizer is asked for, and does not take: what a wrapper does besides them is left out, too."""

from __future__ import annotations

from typing import Any

from ...state.noted import GATHERED


def count_skipped(optimizer: Any) -> float:
    """Count the steps that were left out for gradients that are not finite."""
    asks = any(group.get("skip_nonfinite") for group in optimizer.param_groups)
    return float(getattr(optimizer, "metrics", {}).get("skipped", 0)) if asks else 0.0


def is_left_out(optimizer: Any, skipped: float) -> bool:
    """Tell if gradients were only gathered, or not finite, as a scaler may have found; `skipped` were so before."""
    is_gathering = any(group.get(GATHERED) for group in optimizer.param_groups)
    return is_gathering or count_skipped(optimizer) > skipped or bool(getattr(optimizer, "found_inf", 0))
