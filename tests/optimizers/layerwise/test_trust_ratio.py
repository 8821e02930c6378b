"""LAMB and LARS: what they are for. Their numbers are in test_papers."""

import pytest
import torch

import thalweg

RULES = [thalweg.LAMB, thalweg.LARS]


@pytest.mark.parametrize("cls", RULES)
def test_a_step_has_the_length_of_a_share_of_the_parameter(cls):
    """Whatever the size of the gradient: that is what they are for."""
    moves = []
    for size in (1e-3, 1e3):
        param = torch.nn.Parameter(torch.full((10,), 2.0))
        param.grad = size * torch.arange(1.0, 11.0)
        cls([param], weight_decay=0).step()
        moves.append(param.detach().clone())
    torch.testing.assert_close(*moves)


@pytest.mark.parametrize("cls", RULES)
def test_parameters_do_not_know_each_other(cls):
    torch.manual_seed(0)
    start, gradients = [torch.randn(5), torch.randn(300)], [torch.randn(5), torch.randn(300)]
    together = [torch.nn.Parameter(value.clone()) for value in start]
    optimizer = cls(together)
    for param, gradient in zip(together, gradients, strict=True):
        param.grad = gradient.clone()
    optimizer.step()
    assert "2 parameters" in optimizer.explain()
    for value, gradient, param in zip(start, gradients, together, strict=True):
        alone = torch.nn.Parameter(value.clone())
        alone.grad = gradient.clone()
        cls([alone]).step()
        assert torch.equal(alone, param)


@pytest.mark.parametrize("kind", RULES)
def test_a_bound_of_the_update_stands_in_for_the_trust_ratio(kind):
    """As in bitsandbytes: of two parameters with one gradient, the smaller one takes the shorter step."""
    large, small = torch.nn.Parameter(torch.full((4,), 1e6)), torch.nn.Parameter(torch.full((4,), 1e-3))
    optimizer = kind([large, small], lr=1.0, weight_decay=0.0, max_unorm=0.5)
    for param in (large, small):
        param.grad = torch.ones(4)
    optimizer.step()
    # an update of ones, as it is, and half of the parameter in its place
    assert large.tolist() == [1e6 - 1] * 4
    assert small.tolist() == pytest.approx([0.5e-3] * 4, rel=1e-6)
    with pytest.raises(ValueError, match=f"{kind.__name__} has no trust ratio where max_unorm bounds updates"):
        kind([large], max_unorm=0.5, trust_clip=True)
