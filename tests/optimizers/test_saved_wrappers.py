"""What wrappers keep from step to step is saved beside the optimizer: a run that was stopped goes on, bit for bit."""

import pytest
import torch

import thalweg as optim

from .test_sharpness import closure_of, start

WRAPPERS = {
    "LookSAM": {},
    "FriendlySAM": {},
    "Mechanic": {"s_init": 0.1},
    "TRAC": {},
    "Magma": {"seed": 7},
}


@pytest.mark.parametrize(("name", "options"), WRAPPERS.items(), ids=WRAPPERS)
def test_a_run_that_was_saved_goes_on(name, options, tmp_path):
    paths = []
    for is_stopped in (False, True):
        params = start()
        optimizer = optim.SGD(params, lr=0.01)
        wrapper = getattr(optim, name)(optimizer, **options)
        for step in range(6):
            if step == 3 and is_stopped:
                torch.save(wrapper.state_dict(), tmp_path / "saved")
                wrapper.remove()
                wrapper = getattr(optim, name)(optimizer, **options)
                wrapper.load_state_dict(torch.load(tmp_path / "saved"))
            optimizer.step(closure_of(optimizer, params))
        paths.append(torch.cat(params))
    assert torch.equal(*paths)
