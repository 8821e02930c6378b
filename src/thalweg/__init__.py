"""Optimizers for PyTorch: each one a short formula, everything else derived from it.

`import thalweg as optim` in place of `from torch import optim`.
"""

from types import ModuleType

from torch.optim import lr_scheduler as lr_scheduler
from torch.optim import swa_utils as swa_utils

from . import formula as formula
from . import hyper as hyper
from . import names as names
from . import optimizers
from .names import create as create
from .names import trainer as trainer
from .optimizer import Optimizer as Optimizer
from .optimizers import *
from .takeover import from_torch as from_torch
from .with_hessian import hutchinson as hutchinson

# torch.optim's spellings of the same classes.
Adadelta = AdaDelta
RMSprop = RMSProp
Rprop = RProp

__version__ = "0.1.0"

_catalogue = [
    name for name, value in vars(optimizers).items() if not (name.startswith("_") or isinstance(value, ModuleType))
]
_others = [
    *("Adadelta", "Optimizer", "RMSprop", "Rprop", "create", "formula", "from_torch", "hutchinson", "hyper"),
    *("lr_scheduler", "names", "swa_utils", "trainer"),
]

# Derived, so that a new rule is not listed; type checkers follow the star instead.
vars()["__all__"] = sorted([*_catalogue, *_others])


def __dir__() -> list[str]:
    """Show what is public, and nothing else."""
    return sorted([*_catalogue, *_others, "__version__"])
