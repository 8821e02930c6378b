"""Methods that evaluate the loss as often as they need to: for full batches, fits and fields."""

from thalweg.optimizers.closure.check_grad import check_grad
from thalweg.optimizers.closure.methods import BFGS, CG, LBFGS, LevenbergMarquardt, NewtonCG, SSBroyden, TrustRegion
from thalweg.optimizers.closure.minimize import least_squares, minimize

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
