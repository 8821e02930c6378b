"""Rules that take in the Hessian's diagonal besides gradients."""

from .adahessian import *
from .sophia import *
from .variational import *
