"""Rules that need sums over the whole parameter: its norm."""

from .diagonal_quasi_newton import *
from .distance_by_layer import *
from .grokking import *
from .norms import *
from .steady import *
from .trust_ratio import *
from .variance_reduced import *
