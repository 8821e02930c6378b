"""The catalogue, by what an update needs."""

from .elementwise import *
