"""NIST's nonlinear regressions with certified answers; the models too are read from the files' own text.

National Institute of Standards and Technology, Statistical Reference Datasets, public domain:
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

WORDS = {"exp": torch.exp, "cos": torch.cos, "sin": torch.sin, "arctan": torch.atan, "pi": math.pi}

MOST_DIGITS = 11
"""NIST certifies 11 digits."""


class Certified(NamedTuple):
    """A data set: `model(b)` predicts `y`; two starts, the certified b, its standard deviations and sum of squares."""

    name: str
    model: Callable[[Tensor], Tensor]
    y: Tensor
    starts: tuple[Tensor, Tensor]
    answer: Tensor
    deviations: Tensor
    squares: float

    def residuals(self, b: Tensor) -> Tensor:
        """Return what the model misses."""
        return self.model(b) - self.y.to(b.dtype)

    def digits(self, b: Any) -> float:
        """Return the least number of right digits among the parameters, NIST's LRE."""
        error = float(((torch.as_tensor(b, dtype=torch.float64) - self.answer) / self.answer).abs().max())
        return 0.0 if not error < 1 else min(MOST_DIGITS, -math.log10(max(error, 1e-300)))


def certified(folder: Path) -> list[Certified]:
    """Return every data set in the folder."""
    return [read(path) for path in sorted(folder.glob("*.dat"))]


def read(path: Path) -> Certified:
    """Return one data set."""
    text = path.read_text()
    left, formula = formula_of(text)
    columns = data_of(text)
    table = torch.tensor([[float(word) for word in row.split()] for row in rows_of(text)], dtype=torch.float64)
    first, second, answer, deviations = table.unbind(1)
    squares = float(re.search(r"Residual Sum of Squares:\s+(\S+)", text)[1])
    y = columns[0].log() if left.startswith("log") else columns[0]
    return Certified(path.stem, model_of(formula, columns[1:]), y, (first, second), answer, deviations, squares)


def formula_of(text: str) -> tuple[str, str]:
    """Return both sides of the model, in Python's words."""
    found = re.search(r"^\s+(y|log\[y\])\s+=\s+(.*?)\+\s+e\s*$", text, re.DOTALL | re.MULTILINE)
    return found[1], " ".join(found[2].translate(str.maketrans("[]", "()")).split())


def rows_of(text: str) -> list[str]:
    """Return the table of the parameters: two starts, the answer and its deviation."""
    return re.findall(r"^\s+b\d =((?:\s+\S+){4})\s*$", text, re.MULTILINE)


def data_of(text: str) -> tuple[Tensor, ...]:
    """Return the columns of the data: y, then one or two predictors."""
    lines = re.split(r"^Data:.*x\d?\s*$", text, flags=re.MULTILINE)[-1].strip().splitlines()
    return torch.tensor([[float(word) for word in line.split()] for line in lines], dtype=torch.float64).unbind(1)


def model_of(formula: str, columns: tuple[Tensor, ...]) -> Callable[[Tensor], Tensor]:
    """Return the model as a function of b, in b's dtype."""
    code = compile(formula, formula, "eval")
    names = ("x",) if len(columns) == 1 else ("x1", "x2")

    def model(b: Tensor) -> Tensor:
        data = {name: column.to(b.dtype) for name, column in zip(names, columns, strict=True)}
        return eval(code, {**WORDS, **data, **{f"b{i}": number for i, number in enumerate(b, 1)}})

    return model
