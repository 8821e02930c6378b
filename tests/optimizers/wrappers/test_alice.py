"""Alice against its paper and against pytorch_optimizer, and the directions that it draws."""

import pytest
import torch
from torch import nn

import thalweg

from ...papers.alice import alice
from ..matrix.beside import compare, walk

TUNED = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "rank": 2, "leading": 2, "gap": 3}


@pytest.mark.parametrize("options", [{}, {"tracking": 0.0, "compensation": 1.5, "growth": 1.2}], ids=["tracked", "0"])
@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
def test_the_papers_box(shape, options):
    optimizer = compare(thalweg.Alice, alice, shape, TUNED | {"scale": 0.5, "tracking": 0.7} | options)
    (kept,) = optimizer.state.values()
    assert ("tracked" in kept) is (options.get("tracking") is None)


def test_the_same_as_pytorch_optimizer_but_for_adams_correction():
    """Its first directions are given, as it begins with the first axes; it finds them in float32, with other signs."""
    kind = pytest.importorskip("pytorch_optimizer").Alice
    mine, theirs = (nn.Parameter(torch.ones(5, 8, dtype=torch.float64)) for _ in range(2))
    ours = thalweg.Alice([mine], betas=(0.9, 0.9), lr=0.1, weight_decay=0.0, rank=3, gap=4, eps=0.0)
    other = kind([theirs], lr=0.1, rank=3, leading_basis=3, update_interval=4, eps=0.0)
    for step in range(4):
        share = (1 - 0.9 ** (step + 1)) ** 0.5
        ours.param_groups[0].update(lr=0.1 * share, compensation=0.4 / share)
        walk(ours, [mine], [step])
        if step == 0:
            empty = {"Q": (3, 3), "m": (3, 8), "v": (3, 8), "p": (8,), "phi": (1,)}
            other.state[theirs] = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in empty.items()}
            other.state[theirs]["U"] = ours.state[mine]["directions"].clone()
            other.param_groups[0]["step"] = 3
        walk(other, [theirs], [step])
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)
    for optimizer, param in ((ours, mine), (other, theirs)):
        walk(optimizer, [param], [4])
    found, others = ours.state[mine]["directions"], other.state[theirs]["U"]
    torch.testing.assert_close(found @ found.mT, others @ others.mT, rtol=1e-5, atol=1e-5)


def test_leading_directions_stay_and_the_others_are_drawn_from_what_is_left():
    params = [nn.Parameter(torch.ones(9, 12, dtype=torch.float64)) for _ in range(3)]
    for param, (leading, seed) in zip(params, [(4, 0), (2, 0), (2, 1)], strict=True):
        walk(optimizer := thalweg.Alice([param], rank=4, leading=leading, seed=seed), [param], [0])
        param.directions = optimizer.state[param]["directions"]
    whole, drawn, other = (param.directions for param in params)
    assert torch.equal(whole[:, :2], drawn[:, :2])
    assert torch.equal(whole[:, :2], other[:, :2])
    assert not torch.equal(drawn, other)
    torch.testing.assert_close(drawn.mT @ drawn, torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(drawn[:, 2:].mT @ whole, torch.zeros(2, 4, dtype=torch.float64))


def test_where_too_little_is_left_the_others_are_drawn_from_too():
    param = nn.Parameter(torch.ones(4, 6))
    walk(optimizer := thalweg.Alice([param], rank=4, leading=1, gap=1), [param], range(3))
    directions = optimizer.state[param]["directions"]
    torch.testing.assert_close(directions.mT @ directions, torch.eye(4))
    assert torch.isfinite(param).all()


def test_after_no_gradient_the_rest_may_be_of_any_length():
    param = nn.Parameter(torch.ones(4, 6))
    optimizer = thalweg.Alice([param], thalweg.SGD, lr=1.0, rank=2, scale=1.0, compensation=1.0)
    param.grad = torch.zeros(4, 6)
    optimizer.step()
    assert torch.equal(param, torch.ones(4, 6))
    walk(optimizer, [param], [0])
    assert float(optimizer.state[param]["update_norm"]) > 1


def test_a_checkpoint_of_another_rank_is_refused():
    param = nn.Parameter(torch.ones(6, 4))
    optimizer = thalweg.Alice([param], rank=2)
    walk(optimizer, [param], [0])
    saved = optimizer.state_dict()
    saved["state"][0]["tracked"] = torch.zeros(3, 3)
    with pytest.raises(ValueError, match=r"^Alice needs tracked of shape \(2, 2\) for a parameter of shape \(6, 4\)"):
        optimizer.load_state_dict(saved)


def test_a_checkpoint_without_what_is_kept_of_the_rest_is_refused():
    """It was loaded, and the mean of the rest began at zero again; so is one of GaLore, which keeps no such mean."""
    param = nn.Parameter(torch.ones(6, 4))
    optimizer, other = thalweg.Alice([param], rank=2), thalweg.GaLore([param], rank=2)
    walk(other, [param], [0])
    with pytest.raises(ValueError, match=r"^Alice needs rest_sq of shape \(6, 1\) .* but the checkpoint has none"):
        optimizer.load_state_dict(other.state_dict())
