"""The small language model: what it may look at, and what it consists of."""

import pytest
import torch

from thalweg.tools.tasks.gpt import GPT, STD, turned


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return GPT(vocabulary=11, width=16, layers=2, heads=2).double()


def test_no_place_sees_what_follows_it(net):
    tokens = torch.randint(11, (2, 9), generator=torch.Generator().manual_seed(0))
    others = tokens.clone()
    others[:, 5:] = (others[:, 5:] + 1) % 11
    before, after = net(tokens), net(others)
    torch.testing.assert_close(before[:, :5], after[:, :5], rtol=0, atol=0)
    assert not torch.equal(before[:, 5:], after[:, 5:])


def test_places_count_by_their_distance():
    """A query and a key that are as far apart have the same product, wherever they stand."""
    numbers = torch.randn(2, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    query, key = (turned(each.expand(12, 8)) for each in numbers)
    products = query @ key.T
    # Cosines and sines of angles in float32 have an error of about 1e-7 each.
    torch.testing.assert_close(products[:-3, :-3], products[3:, 3:], rtol=0, atol=1e-5)
    assert not torch.allclose(products[0, :3], products[0, 1:4])


def test_every_parameter_is_a_matrix_that_learns(net):
    net(torch.arange(9)[None]).square().sum().backward()
    assert all(param.ndim == 2 and param.grad.abs().sum() > 0 for param in net.parameters())
    assert all(param.abs().max() <= 2 * STD for param in net.parameters())
    assert sum(param.numel() for param in net.parameters()) == 11 * 16 + 2 * (4 * 16 * 16 + 3 * 16 * 48)
