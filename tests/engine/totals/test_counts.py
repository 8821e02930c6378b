"""What is counted, and steps of several passes that are one call: the numbers that NumPy finds, whatever the way."""

import numpy as np
import pytest
import torch

import thalweg
from thalweg.engine.launches import launch
from thalweg.formula import total
from thalweg.optimizer import Optimizer

SPECIAL = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45], np.float32)

VALUES = np.concatenate([SPECIAL, np.array([0.75, -0.75, 0.5], np.float32)])


class Counting(Optimizer):
    """A rule that goes by the share of gradients above a bound, and by the sum of all, which has columns."""

    lr: float = 0.5
    above: float = 0.25

    def update(self, param, grad):
        return param - (self.lr * total(grad > self.above) + total(param))


@pytest.mark.parametrize("length", [1, 255, 257, 32_768, 100_003])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_elements_are_counted_exactly(length, dtype):
    generator = torch.Generator().manual_seed(length)
    param = torch.zeros(length, dtype=dtype)
    param.grad = torch.randn(length, generator=generator).to(dtype)
    param.grad[: len(SPECIAL)] = torch.from_numpy(SPECIAL)[:length].to(dtype)
    wanted = 0.5 * int((param.grad > 0.25).sum())
    Counting([param], engine="llvm").step()
    assert torch.equal(param, torch.full((length,), -wanted, dtype=torch.float64).to(dtype))


def test_a_cautious_step_agrees_where_the_signs_do():
    """With signs as the paper has them: a NaN has none, and stays one in the parameter."""
    momentum, grad = (item.ravel() for item in np.meshgrid(VALUES, VALUES))
    param = torch.ones(len(grad))
    optimizer = thalweg.SGD([param], lr=1.0, momentum=1.0, cautious=True)
    param.grad = torch.from_numpy(momentum.copy())
    optimizer.step()
    before, param.grad = param.numpy().copy(), torch.from_numpy(grad.copy())
    optimizer.step()
    with np.errstate(invalid="ignore"):
        step = momentum + grad
        signs = np.sign(np.nan_to_num(step)) * np.sign(np.nan_to_num(grad))
        agreement = np.maximum(signs, 0)
        share = max(float(agreement.sum(dtype=np.float64)) / len(grad), 1e-3)
        wanted = before - step * agreement * np.float32(1 / share)
    assert 0 < agreement.sum() < len(grad)
    np.testing.assert_array_equal(param.numpy(), wanted)


RULES = {
    "cautious": (thalweg.Adam, {"cautious": True}),
    "max_tensor_norm": (thalweg.SGD, {"lr": 0.1, "max_tensor_norm": 1.0}),
    "LAMB": (thalweg.LAMB, {}),
    "Adafactor": (thalweg.Adafactor, {}),
}


def taken(cls, options):
    """Take four steps of a small model; tell whether the last one was one call, and give parameters and states."""
    torch.manual_seed(0)
    params = [torch.randn(shape) for shape in ((5, 3), (300,), (2, 2))]
    optimizer = cls(params, **options)
    for _ in range(4):
        for param in params:
            param.grad = torch.randn_like(param)
        optimizer.step()
    states = [state for param in params for state in optimizer.state[param].values()]
    return optimizer._watch.runs_at_once, params + states


@pytest.mark.parametrize("name", RULES)
def test_a_small_step_of_several_passes_is_one_call(name, monkeypatch):
    at_once, found = taken(*RULES[name])
    monkeypatch.setattr(launch, "ALONE", 0)
    not_at_once, wanted = taken(*RULES[name])
    assert (at_once, not_at_once) == (True, False)
    assert all(map(torch.equal, found, wanted))


def test_what_a_step_must_know_is_asked_before_it():
    at_once, _ = taken(thalweg.Adam, {"max_grad_norm": 1.0})
    assert not at_once
