"""Longer steps where Newton's are too short again and again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .step import Step

LEAST, MOST = 0.2, 0.5
"""The shares of the slope that steps leave where they are too short, and not merely wrong."""

ALIKE = 0.1
"""By how much the shares of two steps in a row may differ."""

ARRIVED = 0.1
"""The share up to which a longer step counts as long enough."""

LONGEST = 2.0


class OverRelaxation:
    """How many times Newton's step to try: more than once where the last two have left the same share of the slope.

    Where the Hessian vanishes at the minimum, as that of x^4, Newton's step leaves the same share of the slope each
    time (0.30 there, 0.37 for exp(x)). A step 1 / (1 - share) times as long would have left none of it, by the secant
    through both slopes: after Kelley & Suresh 1983, "A new acceleration method for Newton's method at singular
    points", SIAM J. Numer. Anal. 20, who know the factor beforehand.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin with Newton's step."""
        self.factor, self.share = 1.0, math.nan

    def learn(self, step: Step) -> None:
        """Go farther next time if two of Newton's steps have left as much of the slope; other lengths say nothing."""
        left = step.slope_here / step.slope_before
        tried, self.factor = self.factor, 1.0
        if step.alpha != tried:
            self.share = math.nan
        elif tried == 1.0:
            short = LEAST <= left <= MOST
            if short and abs(left - self.share) <= ALIKE:
                self.factor = 1 / (1 - left)
            self.share = left if short else math.nan
        elif ARRIVED < left <= MOST:
            self.factor = min(tried / (1 - left), LONGEST)
        elif not 0 <= left <= ARRIVED:
            self.share = math.nan

    def state(self) -> dict[str, Any]:
        """Return the factor, and the share that it depends on."""
        return {"factor": self.factor, "share": self.share}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned; earlier versions had saved nothing."""
        self.factor, self.share = state.get("factor", 1.0), state.get("share", math.nan)
