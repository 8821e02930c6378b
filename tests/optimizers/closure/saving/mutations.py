"""Saved runs with something wrong in them: each is gone on from, or refused in one sentence before anything changes.

`python -m tests.optimizers.closure.saving.mutations 4000 [first seed]` searches on; the suite takes a few fixed seeds.
"""

import random
import sys
import warnings

import torch

from tests.state.mutations import counted, failure, mutated
from thalweg.optimizers.closure import BFGS, CG, LBFGS, LevenbergMarquardt, NewtonCG, SSBroyden, TrustRegion

METHODS = [
    (LBFGS, {"history_size": 3}),
    (LBFGS, {"line_search_fn": None}),
    (LBFGS, {"bounds": (-2.0, 0.5)}),
    (CG, {}),
    (CG, {"bounds": (-2.0, 0.5)}),
    (BFGS, {}),
    (BFGS, {"bounds": (-2.0, 0.5)}),
    (SSBroyden, {}),
    (NewtonCG, {}),
    (TrustRegion, {}),
    (LevenbergMarquardt, {}),
    (LevenbergMarquardt, {"scaled": True, "bounds": [(-2.0, None), None]}),
    (LevenbergMarquardt, {"dense_size": 2}),
    (torch.optim.LBFGS, {"history_size": 3}),
]


def residuals(params):
    """Rosenbrock's, from one number to the next."""
    x = torch.cat([param.flatten() for param in params])
    return torch.cat([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])


def step(optimizer):
    params = [param for group in optimizer.param_groups for param in group["params"]]

    def closure():
        optimizer.zero_grad()
        found = residuals(params)
        if getattr(optimizer, "takes_residuals", False):
            return found
        loss = found.square().sum()
        loss.backward()
        return loss

    return optimizer.step(closure)


def trained(cls, options, seed, steps):
    """Make an optimizer over two parameters, after some steps of a few iterations."""
    torch.manual_seed(seed)
    dtype = torch.float64 if seed % 2 else torch.float32
    params = [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in ((2,), (1, 2))]
    optimizer = cls(params, max_iter=4, **options)
    for _ in range(steps):
        step(optimizer)
    return optimizer


def everything(optimizer):
    """Write down all that a failed load must leave as it is."""
    params = [param.detach() for group in optimizer.param_groups for param in group["params"]]
    return str((params, optimizer.state_dict(), optimizer.result if hasattr(optimizer, "result") else None))


def check(seed):
    """Load one; return "loaded" or "refused", or raise AssertionError."""
    chance = random.Random(seed)
    cls, options = chance.choice(METHODS)
    try:
        wrong = mutated(trained(cls, options, seed, 2 + seed % 3).state_dict(), chance)
        if chance.random() < 0.3:
            wrong = mutated(wrong, chance)
    except (KeyError, TypeError, IndexError, AttributeError, RuntimeError):
        return "no mutation"
    cls = LBFGS if cls is torch.optim.LBFGS else cls
    optimizer = trained(cls, options, seed, seed % 2)
    what = f"seed {seed}: {cls.__name__} {options}"
    before = everything(optimizer)
    error = failure(lambda: optimizer.load_state_dict(wrong))
    if error is not None:
        assert type(error) is ValueError, f"{what}: {type(error).__name__}: {error}"
        assert str(error).startswith(f"cannot load this state_dict into {cls.__name__}: "), f"{what}: {error}"
        assert "\n" not in str(error), f"{what}: {error}"
        assert before == everything(optimizer), f"{what}: changed after {error}"
    error_later = failure(lambda: use(optimizer, trained(cls, options, seed, 0)))
    assert error_later is None, f"{what}: {error or 'loaded'}, but failed later: {error_later!r}"
    return "refused" if error else "loaded"


def use(optimizer, twin):
    """Do what comes after loading."""
    step(optimizer)
    twin.load_state_dict(optimizer.state_dict())
    step(twin)
    repr(optimizer)


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(counted(check, int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
