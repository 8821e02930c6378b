"""Tensors whose memory moves between steps: the next step writes where it is now."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch, thalweg

for move in (
    lambda tensor: tensor.share_memory_(),
    lambda tensor: setattr(tensor, "data", tensor.data.clone()),
    lambda tensor: tensor.set_(tensor.clone()),
):
    param = torch.zeros(4)
    optimizer = thalweg.SGD([param], lr=1.0, momentum=0.5)
    for _ in range(2):
        param.grad = torch.ones(4)
        optimizer.step()
    state = optimizer.state[param]["momentum_buffer"]
    move({tensor})
    optimizer.step()
    assert param.tolist() == [-4.25] * 4, param
    assert state.tolist() == [1.75] * 4, state
"""


@pytest.mark.slow
@pytest.mark.parametrize("tensor", ["param", "param.grad", "state"])
def test_the_step_goes_where_the_numbers_are(tensor):
    """In a process of its own: a wrong address may end it."""
    script = SCRIPT.format(tensor=tensor)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
