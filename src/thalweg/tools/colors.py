"""How curves are told apart in pictures."""

from typing import Any

# Okabe & Ito 2008, told apart by colour-blind readers too; grey for their yellow, which is too pale for a line.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#000000", "#56B4E9", "#999999")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
INK = "#333333"
