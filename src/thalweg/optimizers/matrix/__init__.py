"""What an update needs of the whole matrix: its singular values."""

from .dion import *
from .kl import *
from .muon import *
from .psgd import *
from .scion import *
from .shampoo import *
from .soap import *
