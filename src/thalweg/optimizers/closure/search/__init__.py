"""How far to go: searches that know only phi(alpha) and its slope."""

from thalweg.optimizers.closure.search.backtracking import Backtracking as Backtracking
from thalweg.optimizers.closure.search.choose import NAMES as NAMES
from thalweg.optimizers.closure.search.choose import Search as Search
from thalweg.optimizers.closure.search.choose import search_named as search_named
from thalweg.optimizers.closure.search.fixed import Fixed as Fixed
from thalweg.optimizers.closure.search.hager_zhang import HagerZhang as HagerZhang
from thalweg.optimizers.closure.search.more_thuente import MoreThuente as MoreThuente
from thalweg.optimizers.closure.search.trial import Phi as Phi
from thalweg.optimizers.closure.search.trial import Trial as Trial
