"""Methods that evaluate the loss as often as they need to: for full batches, fits and fields."""

from .as_scipy.check_grad import check_grad as check_grad
from .as_scipy.curve_fit import curve_fit as curve_fit
from .as_scipy.least_squares import least_squares as least_squares
from .as_scipy.minimize import minimize as minimize
from .methods import BFGS as BFGS
from .methods import CG as CG
from .methods import LBFGS as LBFGS
from .methods import LevenbergMarquardt as LevenbergMarquardt
from .methods import NewtonCG as NewtonCG
from .methods import SSBroyden as SSBroyden
from .methods import TrustRegion as TrustRegion
from .optimizer import ClosureOptimizer as ClosureOptimizer
from .optimizer import closure_methods as closure_methods
