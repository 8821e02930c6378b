"""The catalogue, by what an update needs."""

from .closure import BFGS as BFGS
from .closure import CG as CG
from .closure import LBFGS as LBFGS
from .closure import LevenbergMarquardt as LevenbergMarquardt
from .closure import NewtonCG as NewtonCG
from .closure import SSBroyden as SSBroyden
from .closure import TrustRegion as TrustRegion
from .closure import check_grad as check_grad
from .closure import curve_fit as curve_fit
from .closure import least_squares as least_squares
from .closure import minimize as minimize
from .elementwise import *
from .interpolation import *
from .layerwise import *
from .matrix import *
from .modelwise import *
from .rows import *
from .second_order import *
from .wrappers import APOLLO as APOLLO
from .wrappers import ASAM as ASAM
from .wrappers import GSAM as GSAM
from .wrappers import SAM as SAM
from .wrappers import TRAC as TRAC
from .wrappers import WSAM as WSAM
from .wrappers import Alice as Alice
from .wrappers import EMANesterov as EMANesterov
from .wrappers import Fira as Fira
from .wrappers import FriendlySAM as FriendlySAM
from .wrappers import GaLore as GaLore
from .wrappers import LookSAM as LookSAM
from .wrappers import Magma as Magma
from .wrappers import Mechanic as Mechanic
from .wrappers import QGaLore as QGaLore
from .wrappers import QKClip as QKClip
from .wrappers import in_backward as in_backward
from .wrappers import shard_states as shard_states
