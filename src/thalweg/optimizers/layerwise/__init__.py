"""Rules that need sums over the whole parameter: its norm."""

from .grokking import *
from .norms import *
from .steady import *
from .trust_ratio import *
from .variance_reduced import *
