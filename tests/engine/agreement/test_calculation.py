"""Formulas that multiply matrices, calculated by their graphs: the text's numbers, in fewer calls."""

import pytest
import torch
from torch import nn

import thalweg
from thalweg.engine.eager import reference
from thalweg.engine.eager.later import Again
from thalweg.engine.plans import plan
from thalweg.formula import Left, matmul, transpose
from thalweg.formula.matrices.matrix_products import add_product, add_symmetric
from thalweg.optimizer import Optimizer, registry

RULES = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.optimizers.matrix.")]
AROUND = {"plain": {}, "around": {"max_tensor_norm": 0.5, "cautious": True, "ema_decay": 0.5, "track": True}}
SHAPES = [(5, 4), (4, 6), (3, 2, 2), (5, 4)]


def trained(rule, options):
    """Train on gradients of full rank: of equal eigenvalues, the last bits decide which vectors are found."""
    torch.manual_seed(1)
    params = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in SHAPES]
    often = {"precondition_frequency": 2} if "precondition_frequency" in rule.options else {}
    optimizer = rule(params, lr=0.1, engine="eager", **often | options)
    for step in range(5):
        for param in params:
            generator = torch.Generator().manual_seed(step)
            param.grad = torch.randn(param.shape, generator=generator, dtype=torch.float64)
        optimizer.step()
    return [*params, *(value for param in params for value in optimizer.state[param].values())]


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_graph_gives_the_numbers_of_its_text(monkeypatch, rule, around):
    options = {key: value for key, value in around.items() if key not in rule.refuses}
    found = trained(rule, options)
    monkeypatch.setattr(reference, "calculation_of", lambda formula: None)
    for one, other in zip(found, trained(rule, options), strict=True):
        # sums are rounded in other places, and a basis remembers
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


def test_an_average_of_products_is_written_where_it_is_once_all_is_known(monkeypatch):
    """What fails on the way changes nothing; what does not, copies nothing."""
    param = nn.Parameter(torch.randn(6, 4))
    optimizer = thalweg.SOAP([param])
    for _ in range(2):
        param.grad = torch.randn(6, 4)
        optimizer.step()
    before = {name: (value, value.clone()) for name, value in optimizer.state[param].items() if name != "step"}
    grad, changes = param.grad, []
    monkeypatch.setattr(plan, "commit", lambda given, *_: changes.extend(given))
    optimizer.step()
    assert all(torch.equal(value, copy) for value, copy in before.values())
    with torch.no_grad():
        for change in changes:
            change()
    products, old = before["products_left"]
    assert optimizer.state[param]["products_left"] is products
    torch.testing.assert_close(products, old.lerp(grad @ grad.T, 0.05))


def test_an_average_of_gradients_is_taken_once_more_where_it_is(monkeypatch):
    """Its new value is not held until everything is known, nor copied."""
    param = nn.Parameter(torch.randn(6, 4))
    optimizer = thalweg.Conda([param])
    for _ in range(2):
        param.grad = torch.randn(6, 4)
        optimizer.step()
    average, grad, changes = optimizer.state[param]["exp_avg"], param.grad, []
    old = average.clone()
    monkeypatch.setattr(plan, "commit", lambda given, *_: changes.extend(given))
    optimizer.step()
    assert torch.equal(average, old)
    assert any(isinstance(getattr(change.func, "__self__", None), Again) for change in changes)
    with torch.no_grad():
        for change in changes:
            change()
    assert torch.equal(average, old.lerp(grad, 1 - 0.9))


def test_what_is_read_again_is_not_written_over():
    """A formula that reads the same numbers before and after they give way to others."""

    class Twice(thalweg.Optimizer):
        """Products of sums that are read twice."""

        lr: float = 1.0

        def update(self, param, grad, buffer):
            one = param + grad
            turned = thalweg.formula.transpose(one)
            two = one * 2.0
            product = thalweg.formula.matmul(turned, two)
            three = two - one
            return thalweg.formula.matmul(three, product) + one, buffer + two

    param = nn.Parameter(torch.arange(6.0).view(3, 2))
    start, grad = param.detach().clone(), torch.ones(3, 2)
    param.grad = grad
    optimizer = Twice([param])
    optimizer.step()
    one = start + grad
    assert torch.equal(param, one @ (one.T @ (2 * one)) + one)
    assert torch.equal(optimizer.state[param]["buffer"], 2 * one)


@pytest.mark.parametrize("rows", [1, 7, 119, 240, 391, 600])
def test_a_symmetric_product_is_whole(rows):
    """Of whole numbers all sums are exact; into the old numbers, or into others."""
    x = torch.randint(-3, 4, (2, rows, 3)).float()
    old = torch.randint(-3, 4, (2, rows, rows)).float()
    old = old + old.mT
    wanted = 0.5 * old + 2 * x @ x.mT
    assert torch.equal(add_symmetric(old, x, x.mT, 0.5, 2.0, torch.empty_like(old)), wanted)
    assert torch.equal(add_product(old, x, x.mT, 0.5, 2.0, torch.empty_like(old)), wanted)
    assert torch.equal(add_symmetric(old[0], x[0], x[0].mT, 0.5, 2.0, old[0]), wanted[0])
    assert torch.equal(old[0], wanted[0])


def test_what_a_waiting_product_is_made_of_stays():
    """`turned * grad` took the place of `turned`, of which the step was still to be made."""

    class ReadsAgain(Optimizer):
        def update(self, param, grad, left: Left):
            turned = matmul(left, grad) + grad
            return param - matmul(left, turned), matmul(turned * grad, transpose(grad))

    torch.manual_seed(0)
    param, grad = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 5, dtype=torch.float64)
    left, before = torch.randn(6, 6, dtype=torch.float64), param.clone()
    optimizer = ReadsAgain([param])
    param.grad = grad.clone()
    optimizer.step()
    optimizer.state[param]["left"].copy_(left)
    param.copy_(before)
    optimizer.step()
    turned = left @ grad + grad
    # one product may be rounded otherwise where it is added at once
    torch.testing.assert_close(param, before - left @ turned, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(optimizer.state[param]["left"], (turned * grad) @ grad.T, rtol=1e-12, atol=1e-12)
