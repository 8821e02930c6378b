"""Rules that need only an element's own parameter, gradient and states: one family a file."""

from .adagrad import *
from .adam import *
from .adamax import *
from .rprop import *
from .sgd import *
from .sparse import *
from .warmup import *
