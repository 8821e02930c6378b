"""What an update needs of the whole matrix: its singular values."""

from .dion import *
from .kl import *
from .mud import *
from .muon import *
from .muown import *
from .psgd import *
from .scion import *
from .shampoo import *
from .soap import *
from .soap_muon import *
