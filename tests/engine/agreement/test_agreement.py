"""What a formula says in place, of chance, or without moving the parameter, is one thing on every engine."""

import random

import pytest
import torch

from thalweg import SGD, Adam
from thalweg.engine.llvm.kernels import kernel
from thalweg.engine.plans import build
from thalweg.optimizer import Optimizer

ENGINES = ("auto", "eager")


class InPlace(Optimizer):
    lr: float = 0.125

    def update(self, param, grad, momentum_buffer):
        twice = grad
        twice *= 2
        momentum_buffer += twice
        param -= self.lr * (momentum_buffer + grad)
        return param, momentum_buffer


class Resting(Optimizer):
    lr: float = 0.125

    def update(self, param, grad, momentum_buffer):
        return param, momentum_buffer + grad


class Remembering(Optimizer):
    lr: float = 0.125

    def update(self, param, grad, before):
        return param - self.lr * grad, param


class Noisy(Optimizer):
    lr: float = 0.125

    def update(self, param, grad):
        return param - self.lr * random.random() * grad


def trained(kind, engine):
    param, grad = torch.nn.Parameter(torch.ones(3)), torch.full((3,), 0.5)
    optimizer = kind([param], engine=engine)
    for _ in range(3):
        param.grad = grad
        optimizer.step()
    state = {name: value.tolist() for name, value in optimizer.state[param].items()}
    return {"param": param.tolist(), "grad": grad.tolist()} | state


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (InPlace, {"param": [1 - 0.125 * (1 + 2 + 3 + 1.5)] * 3, "momentum_buffer": [3.0] * 3}),
        (Resting, {"param": [1.0] * 3, "momentum_buffer": [1.5] * 3}),
        (Remembering, {"param": [1 - 0.1875] * 3, "before": [1 - 0.125] * 3}),
    ],
)
def test_the_same_numbers_and_the_gradient_as_it_was(kind, wanted, engine):
    assert trained(kind, engine) == wanted | {"grad": [0.5] * 3, "step": 3.0}


@pytest.mark.parametrize("engine", ENGINES)
def test_chance_is_refused(engine):
    param = torch.nn.Parameter(torch.ones(3))
    param.grad = torch.ones(3)
    optimizer = Noisy([param], engine=engine)
    with pytest.raises(TypeError, match=r"^Noisy.update says something else each time it is called"):
        optimizer.step()
    assert param.eq(1).all()


def test_a_kernel_that_could_not_be_built_is_explained(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("LLVM has a bad day")

    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(build, "_failures", {})
    monkeypatch.setattr(kernel, "render", broken)
    param = torch.ones(3)
    optimizer = Adam([param])
    param.grad = torch.ones(3)
    assert "as machine code (llvm)" in optimizer.explain()
    with pytest.warns(RuntimeWarning, match="bad day"):
        optimizer.step()
    assert "on the eager engine, because no kernel could be built: LLVM has a bad day" in optimizer.explain()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", [2**24, 2**31, 2**40])
@pytest.mark.parametrize("how", ["loaded", "filled", "put in"])
def test_random_bits_are_fresh_after_any_number_of_steps(engine, start, how):
    """At 2^24 float32 counts no further."""
    param = torch.nn.Parameter(torch.ones(2000).bfloat16())
    optimizer = SGD([param], lr=1e-4, rounding="stochastic", engine=engine)
    param.grad = torch.ones_like(param)
    optimizer.step()
    if how == "loaded":
        saved = optimizer.state_dict()
        saved["state"][0]["step"] = torch.tensor(float(start))
        optimizer.load_state_dict(saved)
    elif how == "filled":
        optimizer.state[param]["step"].fill_(start)
    else:
        optimizer.state[param]["step"] = torch.tensor(float(start))
    for _ in range(100):
        optimizer.step()
    assert optimizer.state[param]["step"] == start + 100
    # The mean of 2000 numbers, each some 0.002 from its own.
    assert param.float().mean().item() == pytest.approx(1 - 101e-4, abs=3e-4)
