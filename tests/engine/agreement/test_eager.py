"""The eager engine: everything is computed before anything is written, in arithmetic that does not raise."""

import copy
from typing import ClassVar

import pytest
import torch

import thalweg
from thalweg.formula import Scalar, total, where
from thalweg.hyper import NonNegative
from thalweg.optimizer import Optimizer


@pytest.fixture
def breaking():
    """An optimizer whose formula fails on tensors when it is told to: after the mean, before the parameter."""

    class Breaking(Optimizer):
        lr: NonNegative = 0.1
        breaks: ClassVar = []

        def update(self, param, grad, mean):
            mean = mean + grad
            if isinstance(grad, torch.Tensor) and Breaking.breaks:
                raise ArithmeticError("out of luck")
            return param - self.lr * mean, mean

    return Breaking


@pytest.mark.parametrize("steps", [0, 2])
def test_a_formula_that_raises_changes_nothing_and_counts_no_step(breaking, steps):
    param = torch.ones(3)
    param.grad = torch.ones(3)
    optimizer = breaking([param], engine="eager")
    for _ in range(steps):
        optimizer.step()
    before = copy.deepcopy((param, dict(optimizer.state.get(param, {}))))
    breaking.breaks.append(True)
    with pytest.raises(ArithmeticError, match="out of luck"):
        optimizer.step()
    torch.testing.assert_close((param, dict(optimizer.state.get(param, {}))), before, rtol=0, atol=0)
    breaking.breaks.clear()
    optimizer.step()
    assert optimizer.state[param]["step"] == steps + 1


@pytest.mark.parametrize("engine", ["eager", "auto"])
def test_absurd_numbers_become_infinities_not_errors(engine):
    """As (1 + lambd lr t)**alpha does here: beyond the largest float from the first step on."""
    param = torch.ones(2)
    optimizer = thalweg.ASGD([param], lr=1.0, lambd=0.5, alpha=1e6, engine=engine)
    for _ in range(3):
        param.grad = torch.ones(2)
        optimizer.step()
    assert optimizer.state[param]["eta"] == 0
    assert param.tolist() == [-0.5, -0.5]  # one step of lr; all later ones are of size zero


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_a_sum_decides_between_two_numbers(engine):
    class Deciding(Optimizer):
        lr: NonNegative = 0.5

        def update(self, param, grad, count: Scalar):
            count = where(total(grad) > 1, count + 1, 0)
            return param - where(total(grad) > 1, self.lr, 0.25) * grad, count

    for shape in ((), (3,)):
        param = torch.nn.Parameter(torch.ones(shape))
        optimizer = Deciding([param], engine=engine)
        for grad in (2.0, 2.0, -2.0, 2.0):
            param.grad = torch.full(shape, grad)
            optimizer.step()
        assert (param == 1 - 1 - 1 + 0.5 - 1).all()
        assert param.dtype == torch.float32
        assert optimizer.state[param]["count"].item() == 1
