"""Optimizers as their papers print them: plain floats, one number at a time, nothing shared with thalweg.

Each function takes a start, the gradients and the hyper-parameters, and yields theta after each step. Where
torch.optim settled on something other than the paper, these follow torch and say so. The arithmetic is
Python's: what overflows becomes an infinity, but 0 / 0 raises ZeroDivisionError instead of giving a NaN.
"""

import importlib
import pkgutil

from .reference import OF_A_PARAMETER, REFERENCES

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")

__all__ = ["OF_A_PARAMETER", "REFERENCES"]
