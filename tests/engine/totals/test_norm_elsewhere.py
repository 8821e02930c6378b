"""A norm that lies on a device is computed with there, by the eager engine too: nobody waits for it.

The meta device stands for one: whoever asks it for a number gets an error.
"""

import pytest
import torch

import thalweg
from thalweg.engine.decisions import gradients


@pytest.mark.parametrize("name", ["AdamW", "Dion2", "MUD", "Shampoo"])
def test_shortened_gradients(name, monkeypatch):
    monkeypatch.setattr(gradients, "ASKING", ())
    params = [torch.ones(shape, device="meta", requires_grad=True) for shape in ((4, 3), (3, 5))]
    optimizer = getattr(thalweg, name)(params, max_grad_norm=0.1)
    for _ in range(3):
        for param in params:
            param.grad = torch.ones_like(param)
        optimizer.step()
    assert optimizer._metrics.norm.is_meta
