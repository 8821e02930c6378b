"""The searches by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from .backtracking import Backtracking
from .fixed import Fixed
from .hager_zhang import HagerZhang
from .more_thuente import MoreThuente
from .trial import Phi, Trial

Search = Callable[[Phi, Trial, float, float], Trial | None]

NAMES = ("hager_zhang", "more_thuente", "strong_wolfe", "backtracking")


@cache
def search_named(name: str | None, curvature: float) -> Search:
    """Return the search called `name`; None is torch's fixed step, "strong_wolfe" torch's word for Moré-Thuente's."""
    match name:
        case None:
            return Fixed()
        case "hager_zhang":
            return HagerZhang(sigma=curvature, delta=min(0.1, 0.5 * curvature))
        case "more_thuente" | "strong_wolfe":
            return MoreThuente(curvature=curvature, decrease=min(1e-3, 0.5 * curvature))
        case "backtracking":
            return Backtracking()
    raise ValueError(f"line_search_fn must be None or one of {', '.join(NAMES)}, but got {name!r}")
