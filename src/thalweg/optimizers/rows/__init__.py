"""Rules that need means, sums or maxima along rows and columns."""

from .adafactor import *
from .adam_mini import *
from .came import *
from .oblique import *
from .projected import *
from .sinkhorn import *
from .sm3 import *
