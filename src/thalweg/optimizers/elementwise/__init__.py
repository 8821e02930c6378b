"""Rules that need only an element's own parameter, gradient and states: one family a file."""

from .adagrad import *
from .adam import *
from .adamax import *
from .adan import *
from .ademamix import *
from .bounded import *
from .cross_moments import *
from .direction_and_size import *
from .friction import *
from .madgrad import *
from .momenta import *
from .normalized import *
from .optimistic import *
from .partly_adaptive import *
from .positive_negative import *
from .quasi_hyperbolic import *
from .rate_limits import *
from .reliability import *
from .rprop import *
from .schedule_free import *
from .sgd import *
from .shifted import *
from .signs import *
from .sparse import *
from .surprise import *
from .warmup import *
