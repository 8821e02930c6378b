"""Rules that need means, sums or maxima along rows and columns."""

from .adafactor import *
