"""Hyperball (Wen et al. 2026) around rules of all kinds, against its two lines in NumPy's float64."""

import numpy as np
import pytest
import torch
from torch import nn

import thalweg

from .matrix.beside import walk

RULES = [
    ("SGD", {"weight_decay": 0.1, "momentum": 0.9}),
    ("AdamW", {}),
    ("Muon", {}),
    ("SOAP", {}),
    ("LAMB", {}),
    ("Adafactor", {}),
    ("AdamW", {"cautious": True}),
]


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_the_papers_two_lines(name, options, engine):
    """W' = W - lr |W| U / |U|, then W = |W| W' / |W'|, where U is the step of the rule without decay."""
    torch.manual_seed(0)
    start = torch.randn(6, 4, dtype=torch.float64)
    ball, plain = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    off = options | ({"weight_decay": 0.0} if hasattr(getattr(thalweg, name), "weight_decay") else {})
    ours = getattr(thalweg, name)([ball], lr=0.1, hyperball=True, engine=engine, **options)
    rule = getattr(thalweg, name)([plain], lr=0.1, **off)
    for step in range(5):
        with torch.no_grad():
            plain.copy_(ball)
        before = ball.detach().numpy().copy()
        walk(ours, [ball], [step])
        walk(rule, [plain], [step])
        u, norm = before - plain.detach().numpy(), np.linalg.norm(before)
        moved = before - 0.1 * norm * u / max(np.linalg.norm(u), 1e-30)
        # U is a difference of parameters here, and what Muon makes orthogonal is float32 beside float64
        np.testing.assert_allclose(ball.detach().numpy(), moved * norm / np.linalg.norm(moved), rtol=1e-6, atol=1e-8)
        assert np.linalg.norm(ball.detach().numpy()) == pytest.approx(norm, rel=1e-12)


def test_the_first_norm_is_kept_whatever_rounding_does():
    """Wen et al. 2026 divide by the norm that weights began with; in bfloat16 each step's norm is a little off."""
    param = nn.Parameter(torch.randn(6, 4).bfloat16())
    radius = param.detach().double().norm().item()
    optimizer = thalweg.AdamW([param], lr=0.01, hyperball=True)
    walk(optimizer, [param], range(3))
    assert optimizer.state[param]["radius"].item() == pytest.approx(radius, rel=1e-6)
    with torch.no_grad():
        param.mul_(1.5)
    walk(optimizer, [param], [3])
    assert param.detach().double().norm().item() == pytest.approx(radius, rel=1e-2)


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_vectors_and_matrices_of_zeros_take_the_rules_own_step(name):
    params, others = ([nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4, 3))] for _ in range(2))
    walk(getattr(thalweg, name)(params, lr=0.1, hyperball=True), params, [0])
    walk(getattr(thalweg, name)(others, lr=0.1), others, [0])
    assert all(map(torch.equal, params, others))


def test_a_step_that_leads_to_zero_is_followed_by_one_that_leads_back():
    """W - lr |W| U / |U| = 0, where the gradient is W itself and lr 1: no unit vector says where to go."""
    param = nn.Parameter(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    optimizer = thalweg.SGD([param], lr=1.0, hyperball=True)
    param.grad = param.detach().clone()
    optimizer.step()
    assert torch.equal(param, torch.zeros(2, 2))
    param.grad = torch.tensor([[0.0, 3.0], [4.0, 0.0]])
    optimizer.step()
    torch.testing.assert_close(param.detach(), torch.tensor([[0.0, -3.0], [-4.0, 0.0]]))


def test_two_passes_are_enough():
    param = nn.Parameter(torch.ones(3, 2))
    optimizer = thalweg.AdamH([param])
    walk(optimizer, [param], [0])
    assert [len(launch.calls) for launch in optimizer._watch.plan.launches] == [2]


def test_what_is_adamws_in_a_whole_model_is_on_no_ball():
    net = nn.Sequential(nn.Embedding(8, 4), nn.Linear(4, 4))
    net[0].weight.data *= 3
    optimizer = thalweg.Muon(
        [("embed.weight", net[0].weight), ("0.weight", net[1].weight)], lr=0.1, adamw_lr=0.1, hyperball=True
    )
    norms = [param.norm().item() for param in (net[0].weight, net[1].weight)]
    walk(optimizer, [net[0].weight, net[1].weight], range(3))
    assert net[1].weight.norm().item() == pytest.approx(norms[1], rel=1e-6)
    assert net[0].weight.norm().item() != pytest.approx(norms[0], rel=1e-5)


def test_two_points_refuse_it():
    with pytest.raises(
        ValueError, match="ScheduleFreeAdamW does not take hyperball=True, since the norm of one of two"
    ):
        thalweg.ScheduleFreeAdamW([torch.zeros(3, 3)], hyperball=True)
