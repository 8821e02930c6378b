"""How far to go: searches that know only phi(alpha) and its slope."""

from .backtracking import Backtracking as Backtracking
from .choose import NAMES as NAMES
from .choose import Search as Search
from .choose import search_named as search_named
from .fixed import Fixed as Fixed
from .hager_zhang import HagerZhang as HagerZhang
from .more_thuente import MoreThuente as MoreThuente
from .trial import Phi as Phi
from .trial import Trial as Trial
