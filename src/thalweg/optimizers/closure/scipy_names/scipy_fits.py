"""What SciPy's users write to `least_squares` and `curve_fit`, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from torch import Tensor

from ..function.given_numbers import numbers_of
from ..options import check_choice, check_number
from .scipy_words import is_pair, plain

METHODS = (None, "trf", "dogbox", "lm")
"""SciPy's names of methods: all of them are Levenberg and Marquardt's here, which keeps to bounds."""

OPTIONS = {
    "ftol": "tolerance_change",
    "xtol": "tolerance_change",
    "gtol": "tolerance_grad",
    "max_nfev": "max_eval",
    "maxfev": "max_eval",
}
"""SciPy's options, and ours for them."""

OF_ROWS = {"ftol": "tolerance", "xtol": "tolerance", "gtol": "tolerance", "max_nfev": "max_iter", "maxfev": "max_iter"}
"""The same for a batch, whose rows are evaluated once an iteration."""

OF_MINPACK = ("epsfcn", "factor", "diag", "col_deriv")
WITHOUT_USE = (
    "verbose",
    "diff_step",
    "tr_solver",
    "tr_options",
    "jac_sparsity",
    "workers",
    "check_finite",
    *OF_MINPACK,
)
"""SciPy's options that nothing here answers to: they are left out, and change no answer."""


def fit_options(owner: str, named: Mapping[str, Any], batched: bool = False) -> dict[str, Any]:
    """Return options under our names; of two tolerances for one test the finer counts, None switches it off.

    Raises ValueError for a method that is none of SciPy's.
    """
    check_choice(owner, "method", named.get("method"), METHODS, "")
    words = OF_ROWS if batched else OPTIONS
    read: dict[str, Any] = {}
    for word, value in named.items():
        name = words.get(word, word)
        if word == "method" or word in WITHOUT_USE or (value is None and name.startswith("max_")):
            continue
        if word == "maxfev" and not value:  # MINPACK's word for its default
            continue
        value = plain(value)
        if word in words and name.startswith("tolerance"):
            value = 0.0 if value is None else value
            check_number(owner, word, value)
            value = min(value, read[name]) if name in read else value
        read[name] = value
    return read


def sides_of(owner: str, bounds: Any) -> tuple[Any, Any] | None:
    """Return bounds as a pair (low, high), each a number or as many as there are; None where there are none.

    Raises ValueError for what is no pair, or could be one pair for each of two numbers, TypeError for no real numbers.
    """
    if bounds is None:
        return None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = (bounds.lb, bounds.ub)
    shape = tuple(getattr(bounds, "shape", ()))
    if not (isinstance(bounds, tuple | list) or len(shape) == 2) or len(bounds) != 2:
        raise ValueError(
            f"{owner} needs bounds as a pair (low, high), but got {bounds!r}{turned_into_sides(bounds, shape)}"
        )
    of_tuples = isinstance(bounds, list) and all(
        isinstance(side, tuple) and all(map(is_one_limit, side)) for side in bounds
    )
    if of_tuples or shape == (2, 2):
        what = "an array of shape (2, 2)" if shape else "a list of two pairs"
        raise ValueError(
            f"{owner} cannot tell whether {what} means (low, high) or one pair per number: pass the tuple (low, high), "
            f"but got {bounds!r}"
        )
    return side_of(owner, "low", bounds[0]), side_of(owner, "high", bounds[1])


def turned_into_sides(bounds: Any, shape: tuple[int, ...]) -> str:
    """Return how to write one pair per number, as `minimize` reads them, as two sides; nothing for anything else."""
    if len(shape) == 2:
        return ": pass tuple(bounds.T) where it has one row (low, high) per number" if shape[1] == 2 else ""
    is_sequence = isinstance(bounds, tuple | list)
    if not is_sequence or len(bounds) < 2 or not all(is_pair(pair) for pair in bounds):
        return ""
    infinite = ", with -inf and inf for None" if any(None in list(pair) for pair in bounds) else ""
    return f": pass tuple(zip(*bounds)) for one pair per number{infinite}"


def is_one_limit(end: Any) -> bool:
    """Return whether something is one number, or None for no limit."""
    return end is None or isinstance(end, Real)


def side_of(owner: str, name: str, side: Any) -> Tensor | None:
    """Return the limits on one side; a single number holds for all."""
    if side is None:
        return None
    limits = numbers_of(f"the {name} bounds of {owner}", side)
    if limits.is_complex():
        raise TypeError(f"{owner} needs the {name} bounds to be real, but their dtype is {limits.dtype}")
    return limits.reshape(()) if limits.numel() == 1 else limits
