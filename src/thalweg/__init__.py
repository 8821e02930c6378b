"""Optimizers for PyTorch: each one a short formula, everything else derived from it.

`import thalweg as optim` in place of `from torch import optim`.
"""

from torch.optim import lr_scheduler, swa_utils

from .optimizer import Optimizer
from .optimizers import *
from .takeover import from_torch

# torch.optim's spellings of the same classes.
Adadelta = AdaDelta
RMSprop = RMSProp
Rprop = RProp

__version__ = "0.1.0"
