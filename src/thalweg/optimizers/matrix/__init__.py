"""What an update needs of the whole matrix: its singular values."""

from .column_normalized import *
from .dion import *
from .kl import *
from .moso import *
from .mud import *
from .muon import *
from .muown import *
from .polar import *
from .psgd import *
from .psgd_pro import *
from .scion import *
from .shampoo import *
from .soap import *
from .soap_muon import *
from .splus import *
