"""What others call an optimizer, and what that is here: one table, and optimizers made by their names."""

from .creation import create as create
from .lookup import Meaning as Meaning
from .lookup import find as find
from .row import Row as Row
from .table import OF_LIBRARY as OF_LIBRARY
from .table import TABLE as TABLE
from .trainers import trainer as trainer
