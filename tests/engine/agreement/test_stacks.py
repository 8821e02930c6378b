"""Parameters that are alike: one call of the formula for all of them, and the numbers of as many calls."""

import pytest
import torch
from torch import nn

import thalweg
from thalweg.engine.eager import later, reference, stacks
from thalweg.formula.matrices import matrix

evaluated = reference.evaluate_all
SHAPES = [(6, 6), (4, 4), (6, 6), (5,), (6, 6), (6, 2, 3)]
OPTIONS = [{}, {"ema_decay": 0.5}, {"clip_value": 0.5, "maximize": True}]


def stepped(optimizers, params, step):
    for index, param in enumerate(params):
        generator = torch.Generator().manual_seed(100 * step + index)
        rests = index == 2 and step in (0, 3)
        param.grad = None if rests else torch.randn(param.shape, generator=generator, dtype=param.dtype)
    for optimizer in optimizers:
        optimizer.step()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_together_is_as_alone(options):
    params, twins = ([nn.Parameter(torch.ones(shape, dtype=torch.float64)) for shape in SHAPES] for _ in range(2))
    together = thalweg.SOAP(params, precondition_frequency=2, **options)
    alone = [thalweg.SOAP([twin], precondition_frequency=2, **options) for twin in twins]
    for step in range(8):
        stepped([together], params, step)
        stepped(alone, twins, step)
    for param, twin in zip(params, twins, strict=True):
        # products of a stack may be summed in another order, and bases remember
        torch.testing.assert_close(param, twin, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("options", "stacks"), [({}, 3), ({"cautious": True}, 5)], ids=str)
def test_products_of_one_shape_are_made_together(monkeypatch, options, stacks):
    """Six products for each shape; where a formula sums over a parameter, for each parameter."""
    shapes = [(6, 4)] * 3 + [(4, 6)] + [(6, 2, 2)]
    params = [nn.Parameter(torch.ones(shape)) for shape in shapes]
    optimizer = thalweg.SOAP(params, **options)
    stepped([optimizer], params, 1)
    alone = counted(matrix.ON_LINES["matmul"])
    monkeypatch.setitem(matrix.ON_LINES, "matmul", alone)
    added = [counted(getattr(later, name)) for name in ("add_product", "add_symmetric")]
    monkeypatch.setattr(later, "add_product", added[0])
    monkeypatch.setattr(later, "add_symmetric", added[1])
    stepped([optimizer], params, 2)
    assert sum(each.calls for each in (alone, *added)) == 6 * stacks
    assert added[1].calls == 2 * stacks


def counted(function):
    """Count the calls of a function."""

    def call(*given):
        call.calls += 1
        return function(*given)

    call.calls = 0
    return call


def test_groups_of_their_own_are_computed_apart():
    params = [nn.Parameter(torch.ones(4, 4)) for _ in range(2)]
    optimizer = thalweg.SOAP([{"params": params[:1]}, {"params": params[1:], "lr": 0.0, "weight_decay": 0}])
    for step in range(3):
        stepped([optimizer], params, step)
    assert not torch.equal(params[0], torch.ones(4, 4))
    assert torch.equal(params[1], torch.ones(4, 4))


@pytest.mark.parametrize("name", ["PSGDKron"])
def test_random_numbers_are_drawn_for_each_of_a_stack(name, monkeypatch):
    """Vectors and small matrices of one shape are computed together, and each is fitted on draws of its own."""
    shapes = [(5,)] * 3 + [(4, 3)] * 2
    params, twins = ([nn.Parameter(torch.ones(shape, dtype=torch.float64)) for shape in shapes] for _ in range(2))
    together, alone = getattr(thalweg, name)(params), getattr(thalweg, name)(twins)
    sizes = []
    monkeypatch.setattr(reference, "evaluate_all", lambda alike: sizes.append(len(alike)) or evaluated(alike))
    stepped_both(together, alone, params, twins, monkeypatch)
    assert sizes[:2] == [3, 2]
    for param, twin in zip(params, twins, strict=True):
        # products of a stack may be summed in another order
        torch.testing.assert_close(param, twin, rtol=0, atol=1e-12)
    assert not torch.equal(params[0], params[1])


def stepped_both(together, alone, params, twins, monkeypatch):
    """Take three steps of both with the same gradients for all; the second one's parameters are never stacked."""
    for step in range(3):
        for param, twin in zip(params, twins, strict=True):
            generator = torch.Generator().manual_seed(step)
            param.grad = torch.randn(param.shape, generator=generator, dtype=param.dtype)
            twin.grad = param.grad.clone()
        together.step()
        with monkeypatch.context() as patch:
            patch.setattr(stacks, "_kind", id)
            alone.step()
