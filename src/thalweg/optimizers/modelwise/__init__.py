"""Rules that need sums over all parameters of the model, and learn from them."""

from .d_adaptation import *
from .distance_over_gradients import *
from .earlier_estimates import *
from .mean_square import *
from .normalized_rates import *
from .prodigy import *
from .prodigy_schedule_free import *
from .switching import *
