"""Rules that need sums over the whole parameter: its norm."""

from .trust_ratio import *
