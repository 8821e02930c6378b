"""Tensors whose memory moves between steps: the next step writes where it is now."""

import pytest
import torch

import thalweg


def share(tensor):
    tensor.share_memory_()


def replace(tensor):
    tensor.data = tensor.data.clone()


def exchange(tensor):
    tensor.set_(tensor.clone())


def step_where_it_moves(chosen):
    """Move a parameter, its gradient or its state between two steps, in each way."""
    for move in (share, replace, exchange):
        param = torch.zeros(4)
        optimizer = thalweg.SGD([param], lr=1.0, momentum=0.5)
        for _ in range(2):
            param.grad = torch.ones(4)
            optimizer.step()
        state = optimizer.state[param]["momentum_buffer"]
        move({"param": param, "gradient": param.grad, "state": state}[chosen])
        optimizer.step()
        assert param.tolist() == [-4.25] * 4, move
        assert state.tolist() == [1.75] * 4, move


@pytest.mark.parametrize("chosen", ["param", "gradient", "state"])
def test_the_step_goes_where_the_numbers_are(chosen, apart):
    """In a process of its own: a wrong address may end it."""
    apart(step_where_it_moves, chosen)
