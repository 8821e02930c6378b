"""What takes another optimizer, and lets it do something more."""

from .alice import Alice as Alice
from .ema_nesterov import EMANesterov as EMANesterov
from .galore import APOLLO as APOLLO
from .galore import Fira as Fira
from .galore import GaLore as GaLore
from .in_backward import in_backward as in_backward
from .masked_steps import Magma as Magma
from .mechanic import Mechanic as Mechanic
from .q_galore import QGaLore as QGaLore
from .query_key_clip import QKClip as QKClip
from .remembered_sharpness import FriendlySAM as FriendlySAM
from .remembered_sharpness import LookSAM as LookSAM
from .shard_states import shard_states as shard_states
from .sharpness import ASAM as ASAM
from .sharpness import GSAM as GSAM
from .sharpness import SAM as SAM
from .trac import TRAC as TRAC
from .weighted_sharpness import WSAM as WSAM
