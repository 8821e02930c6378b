"""Rules that need sums over the whole parameter: its norm."""

from .diagonal_quasi_newton import *
from .distance_by_layer import *
from .fisher import *
from .grokking import *
from .norm_history import *
from .norms import *
from .signal_to_noise import *
from .steady import *
from .torque import *
from .trust_ratio import *
from .variance_reduced import *
