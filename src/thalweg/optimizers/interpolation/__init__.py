"""Rules that know the loss, and how far it can fall: for models that fit all of their examples."""

from .momentum_models import *
from .polyak import *
