"""Methods that evaluate the loss as often as they need to: for full batches, fits and fields."""

from .check_grad import check_grad
from .methods import BFGS, CG, LBFGS, LevenbergMarquardt, NewtonCG, SSBroyden, TrustRegion
from .minimize import least_squares, minimize

__all__ = [
    "BFGS",
    "CG",
    "LBFGS",
    "LevenbergMarquardt",
    "NewtonCG",
    "SSBroyden",
    "TrustRegion",
    "check_grad",
    "least_squares",
    "minimize",
]
