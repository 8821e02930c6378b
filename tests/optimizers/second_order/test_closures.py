"""Rules that need an estimate of the Hessian, stepped with a closure."""

import pytest
import torch

from thalweg import AdaHessian, hutchinson


def scene():
    weight = torch.tensor([1.0, -2.0], requires_grad=True)
    return weight, AdaHessian([weight], lr=0.1), lambda: (weight**4).sum()


def test_a_first_step_without_an_estimate_is_refused_and_changes_nothing():
    weight, optimizer, loss = scene()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    with pytest.raises(RuntimeError, match=r"AdaHessian cannot step .* before it has seen its Hessian"):
        optimizer.step(closure)
    assert weight.tolist() == [1.0, -2.0]
    assert not optimizer.state


def test_a_closure_may_give_the_estimate_itself():
    weight, optimizer, loss = scene()
    beside, other, its_loss = scene()

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.update_hessian(hutchinson([weight], loss()))
        return value

    optimizer.step(closure)
    value = its_loss()
    hessian = hutchinson([beside], value)
    value.backward()
    other.step(hessian=hessian)
    assert torch.equal(weight, beside)


def test_a_checkpoint_between_the_estimate_and_the_first_step_goes_on():
    weights = [torch.ones(3, requires_grad=True) for _ in range(2)]
    first, second = (AdaHessian([weight], lr=0.1) for weight in weights)
    first.update_hessian([torch.full((3,), 4.0)])
    second.load_state_dict(first.state_dict())
    for weight, optimizer in zip(weights, (first, second), strict=True):
        weight.grad = torch.ones(3)
        optimizer.step()
    assert torch.equal(*weights)
    assert not weights[0].eq(1).any()
    with pytest.raises(
        TypeError, match=r"^AdaHessian needs estimates of the Hessian, one for each .* but got int: pass"
    ):
        first.step(hessian=3)
