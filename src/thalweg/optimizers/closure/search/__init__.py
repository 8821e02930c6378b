"""How far to go: searches that know only phi(alpha) and its slope."""

from .backtracking import Backtracking as Backtracking
from .fixed import Fixed as Fixed
from .hager_zhang import HagerZhang as HagerZhang
from .more_thuente import MoreThuente as MoreThuente
from .named import NAMES as NAMES
from .named import Search as Search
from .named import search_named as search_named
from .trial import Phi as Phi
from .trial import Trial as Trial
