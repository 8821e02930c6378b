"""Optimizers for PyTorch: each one a short formula, everything else derived from it.

`import thalweg as optim` in place of `from torch import optim`.
"""

from torch.optim import lr_scheduler, swa_utils

from . import formula, hyper
from .optimizer import Optimizer
from .optimizers import *
from .takeover import from_torch

# torch.optim's spellings of the same classes.
Adadelta = AdaDelta
RMSprop = RMSProp
Rprop = RProp

__version__ = "0.1.0"

__all__ = [
    "ASGD",
    "BFGS",
    "CG",
    "LAMB",
    "LARS",
    "LBFGS",
    "SGD",
    "AdaDelta",
    "AdaMax",
    "AdaMuon",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LevenbergMarquardt",
    "Muon",
    "NAdam",
    "NewtonCG",
    "NorMuon",
    "Optimizer",
    "Prodigy",
    "RAdam",
    "RMSProp",
    "RMSprop",
    "RProp",
    "Rprop",
    "SSBroyden",
    "SparseAdam",
    "TrustRegion",
    "check_grad",
    "formula",
    "from_torch",
    "hyper",
    "in_backward",
    "least_squares",
    "lr_scheduler",
    "minimize",
    "swa_utils",
]


def __dir__() -> list[str]:
    """Show what is public, and nothing else."""
    return sorted([*__all__, "__version__"])
