"""Rules that need sums over all parameters of the model, and learn from them."""

from .prodigy import *
