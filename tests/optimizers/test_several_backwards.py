"""Steps in backward, where a loop has more backwards than steps, or asks for them twice."""

import pytest
import torch

import thalweg as optim

from .test_in_backward import net


def test_what_steps_in_backward_is_not_put_there_twice():
    model = net()
    optimizer = optim.AdamW(model.parameters())
    hooks = optim.in_backward(model, optimizer)
    with pytest.raises(ValueError, match=r"^AdamW steps in backward already: keep what in_backward has returned"):
        optim.in_backward(model, optimizer)
    hooks.remove()
    optim.in_backward(model, optimizer)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loop_that_counts_on_gathered_gradients_is_warned_once(accumulate, recwarn):
    model = net()
    optimizer = optim.AdamW(model.parameters(), accumulate=accumulate)
    hooks = optim.in_backward(model, optimizer)
    for _ in range(2):
        for _ in range(2):
            model(torch.ones(2, 10)).sum().backward()
        optimizer.step()
    del hooks
    said = [str(warning.message) for warning in recwarn]
    assert len(said) == (accumulate == 1)
    assert all("AdamW has stepped 2 times in backward before step()" in each for each in said)
