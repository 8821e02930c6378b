"""Optimizers for PyTorch: each one a short formula, everything else derived from it.

`import thalweg as optim` in place of `from torch import optim`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import optim as _torch_optim
from torch.optim import lr_scheduler as lr_scheduler
from torch.optim import swa_utils as swa_utils

from . import formula as formula
from . import hyper as hyper
from . import names as names
from . import optimizers
from .beyond_gradients.with_hessian import hutchinson as hutchinson
from .names import create as create
from .names import trainer as trainer
from .optimizer import Optimizer as Optimizer
from .optimizers import *
from .takeover import from_torch as from_torch

if TYPE_CHECKING:
    from .tools.range_test.find_lr import find_lr as find_lr
    from .tools.splitting.split import split as split

# torch.optim's spellings of the same classes.
RMSprop = RMSProp
Rprop = RProp

# So that `from thalweg.lr_scheduler import StepLR` finds torch's module as well.
sys.modules |= {f"{__name__}.lr_scheduler": lr_scheduler, f"{__name__}.swa_utils": swa_utils}

__version__ = "0.1.0"

_catalogue = [
    name for name, value in vars(optimizers).items() if not (name.startswith("_") or isinstance(value, ModuleType))
]
_others = [
    *("Optimizer", "RMSprop", "Rprop", "create", "formula", "from_torch", "hutchinson", "hyper"),
    *("lr_scheduler", "names", "swa_utils", "trainer"),
]
_tools = {"find_lr": ".tools.range_test.find_lr", "split": ".tools.splitting.split"}
"""What is for humans, and where: it is imported when somebody asks for it."""

# Derived, so that a new rule is not listed; type checkers follow the star instead.
vars()["__all__"] = sorted([*_catalogue, *_others, *_tools])


def __dir__() -> list[str]:
    """Show what is public, and nothing else."""
    return sorted([*_catalogue, *_others, *_tools, "__version__"])


def __getattr__(name: str) -> Any:
    """Import a tool at its first use; give whatever else torch.optim has, which is torch's own."""
    if name in _tools:
        return getattr(import_module(_tools[name], __name__), name)
    if not name.startswith("_") and hasattr(_torch_optim, name):
        return getattr(_torch_optim, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
