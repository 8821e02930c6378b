"""What is loaded into a closure method is gone on from, or refused in one sentence; then nothing has changed."""

import copy

import pytest
import torch

from tests.optimizers.closure.saving.mutations import check, everything, step, trained
from thalweg.optimizers.closure import BFGS, CG, LBFGS, LevenbergMarquardt, NewtonCG, SSBroyden, TrustRegion

METHODS = [LBFGS, CG, BFGS, SSBroyden, NewtonCG, TrustRegion, LevenbergMarquardt]

FOUND = [0, 4, 6, 8, 9, 16, 18, 25, 26, 86, 133, 193, 270, 879, 1820, 2960, 10107, 10288, 10621, 11072]
"""Seeds that have failed: of torch's own words, in a later step, or by a division."""


@pytest.mark.parametrize("seed", [*FOUND, *range(1000, 1012)])
def test_it_is_loaded_right_or_refused(seed):
    assert check(seed) in ("loaded", "refused", "no mutation")


@pytest.mark.parametrize("method", METHODS)
def test_what_was_saved_is_gone_on_from_in_another_precision(method):
    """A checkpoint made smaller: the run becomes the parameters' dtype again, and goes on."""
    saved = trained(method, {}, 1, 1).state_dict()
    run = smaller(saved["state"][0])
    optimizer = trained(method, {}, 1, 1)
    optimizer.load_state_dict({**saved, "state": {0: run}})
    before = optimizer.result.iterations
    step(optimizer)
    assert optimizer.point.x.dtype is torch.float64
    assert optimizer.result.iterations > before


def smaller(value):
    if isinstance(value, torch.Tensor):
        return value.float()
    if isinstance(value, dict):
        return {name: smaller(item) for name, item in value.items()}
    return [smaller(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("method", METHODS)
def test_another_methods_run_is_refused(method):
    """Not even where all options of one are options of the other."""
    optimizer = trained(method, {}, 1, 1)
    before = everything(optimizer)
    # A trust region's run would do for NewtonCG's options, and a least-squares run of few numbers looks like it.
    other = NewtonCG if method is not NewtonCG else TrustRegion
    saved = trained(other, {}, 1, 2).state_dict()
    saved["param_groups"] = copy.deepcopy(optimizer.state_dict()["param_groups"])
    with pytest.raises(ValueError, match=r"has no \w.* in its run\['method'\], so another optimizer saved it"):
        optimizer.load_state_dict(saved)
    assert everything(optimizer) == before


def test_a_run_over_other_numbers_is_refused_and_left_out_if_need_be():
    optimizer = trained(BFGS, {}, 1, 1)
    saved = trained(BFGS, {}, 1, 2).state_dict()
    optimizer.param_groups[0]["params"][1].requires_grad_(False)
    before = everything(optimizer)
    with pytest.raises(ValueError, match=r"needs its run\['here'\]\[0\] to be .*, of shape \(2,\)"):
        optimizer.load_state_dict(saved)
    assert everything(optimizer) == before
    optimizer.load_state_dict(saved, strict=False)
    step(optimizer)


def test_a_run_is_over_the_parameters_in_their_order():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    here, there = LBFGS([("a", first), ("b", second)]), LBFGS([("b", second), ("a", first)])
    step(here)
    there.load_state_dict(LBFGS([("a", first), ("b", second)]).state_dict())
    with pytest.raises(ValueError, match="has a run over parameters in another order"):
        there.load_state_dict(here.state_dict())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bounds": (1.0, 0.0)}, "low <= high"),
        ({"bounds": ("a", 0.0)}, "to be a number, a tensor or None, but got 'a'"),
        ({"bounds": [(0.0, 1.0)]}, "one bound per parameter"),
        ({"max_iter": 0.5}, "max_iter to be a whole number"),
        ({"beta": "no"}, "beta to be one of"),
        ({"line_search_fn": {}}, "line_search_fn to be one of"),
    ],
)
def test_loaded_options_are_held_to_what_the_constructor_takes(options, words):
    optimizer = trained(CG, {}, 1, 1)
    saved = trained(CG, {}, 1, 2).state_dict()
    saved["param_groups"][0] |= options
    before = everything(optimizer)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(saved)
    assert everything(optimizer) == before


def test_what_a_wrapper_keeps_beside_a_run_stays():
    optimizer = trained(LBFGS, {}, 1, 2)
    saved = optimizer.state_dict()
    saved["state"][1] = {"slow": torch.ones(3)}
    saved["state"]["mine"] = 7
    optimizer.load_state_dict(saved)
    assert torch.equal(optimizer.state[optimizer.param_groups[0]["params"][1]]["slow"], torch.ones(3))
    assert optimizer.state["mine"] == 7
