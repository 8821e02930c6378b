"""What SciPy's users write, in our words: methods, options, bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..function.given_numbers import described, numbers_of

METHODS = {
    "l-bfgs-b": "lbfgs",
    "l-bfgs": "lbfgs",
    "trust-ncg": "trust-region",
    "trust-krylov": "trust-region",
    "trust-exact": "trust-region",
    "dogleg": "trust-region",
    "tnc": "newton-cg",
    "slsqp": "lbfgs",
    "trust-constr": "lbfgs",
    None: "lbfgs",
}
"""SciPy's names of methods that have others here; its case does not matter."""

OPTIONS = {
    "maxiter": "max_iter",
    "maxfun": "max_eval",
    "maxfev": "max_eval",
    "gtol": "tolerance_grad",
    "ftol": "tolerance_change",
    "xtol": "tolerance_change",
    "xrtol": "tolerance_change",
    "maxcor": "history_size",
    **dict.fromkeys(("c1", "c2", "maxls", "iprint", "disp", "eps", "norm", "return_all", "workers")),
    **dict.fromkeys(("barrier_tol", "sparse_jacobian", "initial_barrier_parameter", "initial_barrier_tolerance")),
    **dict.fromkeys(("initial_constr_penalty", "initial_tr_radius", "factorization_method")),
    **dict.fromkeys(("finite_diff_rel_step", "hess_inv0", "inexact", "verbose")),
    **dict.fromkeys(("initial_trust_radius", "max_trust_radius", "eta", "subproblem_maxiter")),
    **dict.fromkeys(("scale", "offset", "maxCGit", "stepmx", "accuracy", "minfev", "rescale", "mesg_num")),
}
"""SciPy's options, and ours for them; None where nothing here answers to one. An option that is None is left out."""

TOLERANCES = ("gtol", "ftol", "xtol")
"""Options of which -1 stands for the default: the word of SciPy's TNC."""

WITHOUT_GRADIENTS = ("nelder-mead", "powell", "cobyla", "cobyqa")
"""SciPy's methods that see the loss alone."""

DIFFERENCES = ("2-point", "3-point", "cs")
"""SciPy's words for derivatives by differences, in whose place autograd differentiates."""


def method_named(method: Any, multiplies: bool = False) -> Any:
    """Return our name for a method, one that `multiplies` by a given Hessian where SciPy's does."""
    lower = method.lower() if isinstance(method, str) else method
    if lower == "trust-constr" and multiplies:
        return "newton-cg"
    return METHODS.get(lower, lower) if isinstance(lower, str | None) else lower


def options_read(
    tol: float | None, options: Mapping[str, Any] | None, named: Mapping[str, Any], known: Collection[str]
) -> dict[str, Any]:
    """Return the options of the optimizer: those in a dict under SciPy's names or ours, and those given by name.

    `tol` stands for both tolerances, and `known` are the options that the method has. Raises TypeError for one option
    given twice, and for options that are no dict.
    """
    if not isinstance(options, Mapping | None):
        raise TypeError(f"minimize needs options to be a dict of names and values, but got {described(options)}")
    read: dict[str, Any] = {} if tol is None else dict.fromkeys(("tolerance_grad", "tolerance_change"), plain(tol))
    for word, value in (options or {}).items():
        name = OPTIONS.get(word, word)
        if name is not None and not (word in OPTIONS and is_default(word, value)):
            read[name if name in known else word] = plain(value)
    for name, value in named.items():
        if name in OPTIONS and name not in known:
            instead = f", or {OPTIONS[name]} by name" if OPTIONS[name] in known else ""
            raise TypeError(f"minimize takes SciPy's {name!r} as options={{{name!r}: {value!r}}}{instead}")
        if name in read and tol is None:
            raise TypeError(f"minimize got {name} twice, by name and in options: leave one out")
        read[name] = value
    return read


def is_default(word: str, value: Any) -> bool:
    """Return whether the value of one of SciPy's options says that it is to be as if it were not given."""
    return value is None or (word in TOLERANCES and plain(value) == -1)


def plain(value: Any) -> Any:
    """Return NumPy's numbers, and arrays of a single one, as Python's; whole floats such as 1e3 count as well."""
    if isinstance(value, np.generic | np.ndarray) and value.size == 1:
        value = value.item()
    return int(value) if isinstance(value, float) and value >= 1 and value.is_integer() else value


def function_given(owner: str, name: str, given: Any) -> Any:
    """Return a derivative that the user gives, None where SciPy would take differences: autograd is exact.

    Raises ValueError for what is no function.
    """
    if given is None or (isinstance(given, str) and given in DIFFERENCES) or is_update(given):
        return None
    if callable(given):
        return given
    words = ", ".join(repr(word) for word in DIFFERENCES)
    raise ValueError(
        f"{owner} needs {name} to be a function, None for autograd, or one of {words}, but got {described(given)}"
    )


def is_update(given: Any) -> bool:
    """Return whether something is a HessianUpdateStrategy of SciPy's, such as BFGS(): an estimate of a Hessian."""
    return all(hasattr(given, name) for name in ("initialize", "update", "get_matrix"))


def refuse_constraints(constraints: Any) -> None:
    """Raise ValueError for constraints; an empty sequence of them is none."""
    if constraints is not None and not (isinstance(constraints, list | tuple | dict) and not constraints):
        raise ValueError(
            "minimize keeps to bounds, but to no constraints: write x as a function of numbers that are free, or use "
            "SciPy's 'SLSQP' or 'trust-constr' with jac from autograd"
        )


def bounds_read(bounds: Any, x0: Any, leaves: Sequence[Tensor]) -> Any:
    """Return bounds as optimizers take them: a pair (low, high), or a list of one per tensor.

    Read are SciPy's `Bounds`, one pair (low, high) per number of a single tensor, with None for no limit, an array of
    shape (n, 2), and, for a dict of tensors, a dict of pairs. Raises ValueError where a pair of tensors or an array
    could mean both.
    """
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return scipy_bounds(bounds, leaves)
    if isinstance(bounds, Iterator):
        bounds = list(bounds)  # zip(low, high)
    if isinstance(bounds, np.ndarray) and bounds.dtype.hasobject:
        bounds = bounds.tolist()  # Pairs of which some are None.
    if isinstance(bounds, Mapping):
        return listed(bounds, x0)
    if len(leaves) != 1 or isinstance(x0, torch.nn.Module | Mapping) or has_tensor(x0):
        return bounds
    if not isinstance(bounds, Sequence):
        return array_read(bounds, leaves[0])
    return pairs_read(bounds, leaves[0])


def scipy_bounds(bounds: Any, leaves: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return SciPy's `Bounds` as a pair; raises ValueError for several tensors, whose numbers have no common order."""
    if len(leaves) != 1:
        raise ValueError(
            f"minimize got SciPy's Bounds for {len(leaves)} tensors: pass a list of one pair (low, high) per tensor"
        )
    return sided(bounds.lb, leaves[0]), sided(bounds.ub, leaves[0])


def listed(bounds: Mapping[str, Any], x0: Any) -> list[Any]:
    """Return the bounds of a dict in the order of its tensors."""
    if not isinstance(x0, Mapping) or not set(bounds) <= set(x0):
        known = ", ".join(map(repr, x0)) if isinstance(x0, Mapping) else "no names"
        raise ValueError(f"minimize got bounds for {', '.join(map(repr, bounds))}, but x0 has {known}")
    return [bounds.get(name) for name in x0]


def array_read(bounds: Any, leaf: Tensor) -> Any:
    """Return an array of shape (n, 2), one row (low, high) per number."""
    rows = numbers_of("bounds", bounds)
    if rows.shape != (leaf.numel(), 2):
        raise ValueError(
            f"minimize needs bounds as a pair (low, high), or one row (low, high) per number, shape "
            f"({leaf.numel()}, 2), but got shape {tuple(rows.shape)}"
        )
    if leaf.numel() == 2:
        raise two_ways("an array of shape (2, 2)")
    return sided(rows[:, 0], leaf), sided(rows[:, 1], leaf)


def pairs_read(bounds: Sequence[Any], leaf: Tensor) -> Any:
    """Return a sequence: SciPy's, if it holds one pair of numbers per number, else ours."""
    if not bounds:
        return None  # SciPy's word for no bounds, too.
    kinds = tuple | list if leaf.numel() == 2 else object
    if len(bounds) == leaf.numel() and all(isinstance(pair, kinds) and is_pair(pair) for pair in bounds):
        sides = zip(*bounds, strict=True)
        low, high = (
            [infinite if end is None else real_limit(end) for end in side]
            for side, infinite in zip(sides, (-float("inf"), float("inf")), strict=True)
        )
        return sided(low, leaf), sided(high, leaf)
    if len(bounds) == 1 and leaf.numel() != 1:
        return list(bounds)
    if len(bounds) == leaf.numel() == 2 and all(map(are_two, bounds)):
        if all(isinstance(end, Tensor) for end in bounds):
            return tuple(bounds)
        raise no_pairs(bounds, 2) if all(isinstance(pair, kinds) for pair in bounds) else two_ways("two rows of two")
    if len(bounds) != 2:
        raise no_pairs(bounds, leaf.numel())
    return tuple(bounds)


def real_limit(end: Any) -> float:
    """Return one limit; raises TypeError for one that is not real."""
    if isinstance(end, str | complex) or not hasattr(end, "__float__"):
        raise TypeError(f"minimize needs each bound to be a real number or None, but got {described(end)}")
    return float(end)


def no_pairs(bounds: Sequence[Any], count: int) -> ValueError:
    """Return the error for bounds of another length, or whose entries are no pairs."""
    strange = [i for i, pair in enumerate(bounds) if not is_pair(pair)]
    got = (
        f"entry {strange[0]} is {bounds[strange[0]]!r}"
        if len(bounds) == count and strange
        else f"got {len(bounds)} entries"
    )
    return ValueError(f"minimize needs bounds as a pair (low, high), or one pair per number, {count} in all, but {got}")


def two_ways(what: str) -> ValueError:
    """Return the error for bounds that could be a pair (low, high) of all, or one pair for each of two numbers."""
    return ValueError(
        f"minimize got {what} for the bounds of two numbers, which could be (low, high) or one pair for each: pass "
        "scipy.optimize.Bounds(low, high), or a list of pairs [(low, high), (low, high)] of numbers"
    )


def has_tensor(values: Any) -> bool:
    """Return whether something is a sequence of tensors rather than of numbers."""
    return isinstance(values, list | tuple) and any(isinstance(value, Tensor) for value in values)


def are_two(values: Any) -> bool:
    """Return whether something holds two values; an array of no dimensions has no length."""
    return hasattr(values, "__len__") and getattr(values, "shape", None) != () and len(values) == 2


def is_pair(pair: Any) -> bool:
    """Return whether an entry is (low, high) of numbers or None."""
    if isinstance(pair, Tensor) or not are_two(pair):
        return False
    return all(
        end is None or isinstance(end, str) or not getattr(end, "shape", hasattr(end, "__len__")) for end in pair
    )


def sided(side: Any, leaf: Tensor) -> Tensor:
    """Return one side's limits in the shape of the tensor; one number holds for all."""
    numbers = numbers_of("the bounds of minimize", side)
    if numbers.numel() == 1:
        return numbers.reshape(()).expand(leaf.shape)
    if numbers.numel() != leaf.numel():
        raise ValueError(f"minimize needs one bound per number, {leaf.numel()} in all, but got {numbers.numel()}")
    return numbers.reshape(leaf.shape)
