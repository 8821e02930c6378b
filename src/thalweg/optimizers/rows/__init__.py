"""Rules that need means, sums or maxima along rows and columns."""

from .adafactor import *
from .adam_mini import *
from .came import *
from .kinematic import *
from .model_scale import *
from .neurons import *
from .oblique import *
from .projected import *
from .row_and_column_scaled import *
from .sinkhorn import *
from .sm3 import *
from .steady_gradients import *
from .subset_norms import *
from .synergy import *
