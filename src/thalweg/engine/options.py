"""The options of each group as numbers for the kernels: read anew each step, converted only when they changed."""

from operator import itemgetter
from typing import Any

import numpy as np
from torch import Tensor

from ..formula.expr import Symbol
from ..formula.trace import Formula, option


class Options:
    """One group's numbers, at an address that stays."""

    def __init__(self, group: dict[str, Any], formula: Formula, symbols: list[Symbol], more: dict[str, Any]) -> None:
        self.group = group
        self.formula = formula
        self.symbols = symbols
        self.more = more
        self.numbers = np.zeros(max(len(symbols), 1))
        # Every formula reads `maximize`; named twice, as a getter of one name alone gives no tuple.
        self.read = itemgetter(*formula.structure, "maximize")
        self.values: Any = None
        self.refresh()

    def refresh(self) -> bool:
        """Bring the numbers up to date; False if the options now select another formula."""
        values = self.read(self.group)
        if values == self.values:
            return True
        if not self.formula.fits(self.group):
            return False
        options = self.group | self.more
        self.numbers[: len(self.symbols)] = [option(options, symbol) for symbol in self.symbols]
        # What may change in place, or comes with the step, is read every time.
        self.values = None if self.more or _is_mutable(values) else values
        return True


def _is_mutable(value: Any) -> bool:
    return isinstance(value, Tensor | list) or (isinstance(value, tuple) and any(map(_is_mutable, value)))
