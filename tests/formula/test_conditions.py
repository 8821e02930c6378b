"""Conditions: joined by &, | and products, and counting as 1 or 0 beside numbers, alike on every engine."""

import pytest
import torch

from thalweg import Optimizer
from thalweg.formula import maximum, total, where
from thalweg.hyper import NonNegative

FORMULAS = {
    "and": lambda self, p, g, m: (where((g > 0) & (m > 0), p - g, p), m + g),
    "or": lambda self, p, g, m: (where((g > 0) | (m > 0.5), p - g, p), m + g),
    "xor": lambda self, p, g, m: (where((g > 0) ^ (m > 0), p - g, p), m + g),
    "unlike": lambda self, p, g, m: (where((g > 0) != (m > 0), p - g, p), m + g),
    "not": lambda self, p, g, m: (where(~(g > 0), p - g, p), m + g),
    "a mask": lambda self, p, g, m: (p - g * (g * m >= 0), m + g),
    "a mask before": lambda self, p, g, m: (p - (g * m >= 0) * g, m + g),
    "a product of masks": lambda self, p, g, m: (p - g * ((g > 0) * (m > -1)), m + g),
    "two masks": lambda self, p, g, m: (p - g * (g > 0) * (m > -1), m + g),
    "a sum": lambda self, p, g, m: (p + (g > 0), m + (g < 0) + g),
    "a quotient": lambda self, p, g, m: (p - g / maximum(g > 0, abs(m) + 0.5), m + g),
    "branches": lambda self, p, g, m: (where(g > 0, m > 0, p), m + g),
    "a state": lambda self, p, g, m: (p - m * g, g > 0),
    "a parameter": lambda self, p, g, m: (g > m, m + g),
    "of numbers": lambda self, p, g, m: (p - (self.lr > 0.05) * g, m + g),
    "of both": lambda self, p, g, m: (where((g > 0) & (self.lr > 0.05), p - g, p), m + g),
    "of the step": lambda self, p, g, m: (p - (self.step_count > 1) * self.lr * g, m + g),
    "decided": lambda self, p, g, m: (where((g > 0) & self.flag, p - g, p), m + g),
    "an if": lambda self, p, g, m: (p - g if (self.lr > 0) & (self.lr < 1) else p, m + g),
    "counted": lambda self, p, g, m: (p - g * total(g > 0), m + g),
}


@pytest.mark.parametrize("engine", ["llvm", "triton"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")  # in Triton 3.6's interpreter
@pytest.mark.filterwarnings("error")
def test_engines_agree(name, dtype, engine):
    if engine == "triton" and dtype is torch.float64:
        pytest.skip("the same text with another type")
    body = FORMULAS[name]

    def update(self, param, grad, m):
        return body(self, param, grad, m)

    fields = {"__annotations__": {"lr": NonNegative, "flag": bool}, "lr": 0.1, "flag": True, "update": update}
    cls = type("Masked", (Optimizer,), fields)

    def stepped(engine):
        torch.manual_seed(0)
        param = torch.randn(40, dtype=dtype)
        optimizer = cls([param], engine=engine)
        for _ in range(3):
            param.grad = torch.randn(40, dtype=dtype)
            optimizer.step()
        return param, optimizer.state[param]["m"]

    for found, wanted in zip(stepped(engine), stepped("eager"), strict=True):
        assert torch.equal(found, wanted)
