"""Stop, save, load, go on: bit for bit, and to torch.optim and back."""

import copy
import io
import pickle

import pytest
import torch

from thalweg.optimizers.closure import BFGS, CG, LBFGS, NewtonCG, SSBroyden, TrustRegion

every_method = pytest.mark.parametrize("make", [LBFGS, CG, BFGS, SSBroyden, NewtonCG, TrustRegion])


def saved(optimizer):
    stream = io.BytesIO()
    torch.save(optimizer.state_dict(), stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


@every_method
@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_stop_save_load_go_on_bit_identical(task, make, way):
    straight, broken = task(make, max_iter=3), task(make, max_iter=3)
    straight.step(8)
    for _ in range(4):
        broken.step(2)
        if way == "state_dict":
            fresh = make([broken.x], max_iter=3)
            fresh.load_state_dict(saved(broken.optimizer))
        else:
            copied = (
                pickle.loads(pickle.dumps(broken.optimizer)) if way == "pickle" else copy.deepcopy(broken.optimizer)
            )
            broken.x, fresh = copied.param_groups[0]["params"][0], copied
        broken.optimizer = fresh
    assert torch.equal(straight.x, broken.x)
    assert straight.optimizer.result.iterations == broken.optimizer.result.iterations


def test_history_wraps_and_still_resumes(task):
    straight, broken = task(LBFGS, max_iter=10, history_size=5), task(LBFGS, max_iter=10, history_size=5)
    straight.step(3)
    broken.step(2)
    fresh = LBFGS([broken.x], max_iter=10, history_size=5)
    fresh.load_state_dict(saved(broken.optimizer))
    broken.optimizer = fresh
    broken.step()
    assert torch.equal(straight.x, broken.x)


def test_torch_goes_on_from_our_state_and_we_from_torch(task):
    ours = task(LBFGS, max_iter=20)
    ours.step()
    theirs = torch.optim.LBFGS([ours.x], max_iter=5, line_search_fn="strong_wolfe")
    loss = ours.losses[-1]
    loaded = theirs.state_dict() | {"state": saved(ours.optimizer)["state"]}
    theirs.load_state_dict(loaded)
    ours.optimizer = theirs
    theirs.step(ours.closure)
    assert len(theirs.state[ours.x]["old_dirs"]) >= 20
    assert float(ours.closure().detach()) < loss
    back = LBFGS([ours.x], max_iter=500)
    back.load_state_dict(theirs.state_dict())
    assert back.max_iter == 5  # torch's options were loaded, too
    back.max_iter, back.max_eval = 500, None
    ours.optimizer = back
    assert ours.step().success
    assert back.result.iterations > 25


@pytest.mark.parametrize("options", [{}, {"line_search_fn": None, "max_eval": 7}, {"line_search_fn": "more_thuente"}])
def test_torch_steps_on_from_a_whole_checkpoint_and_our_options_come_back(task, options):
    """Its LBFGS knows one search, and compares evaluations with a number."""
    ours = task(LBFGS, max_iter=3, **options)
    ours.step()
    theirs = torch.optim.LBFGS([ours.x])
    theirs.load_state_dict(saved(ours.optimizer))
    before = float(ours.closure().detach())
    theirs.step(ours.closure)
    assert float(ours.closure().detach()) < before
    back = LBFGS([ours.x])
    back.load_state_dict(theirs.state_dict())
    wanted = {"line_search_fn": "hager_zhang", "max_eval": None} | options
    assert {name: back.param_groups[0][name] for name in wanted} == wanted
    theirs.param_groups[0]["max_eval"] = 9
    back.load_state_dict(theirs.state_dict())
    assert back.max_eval == 9
