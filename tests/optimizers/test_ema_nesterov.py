"""EMA-Nesterov around other optimizers, against its paper's two lines in NumPy's float64."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import thalweg

RATES = [0.1, 0.1, 0.2, 0.1, 0.05, 0.0]


def slope(x):
    return x - 2 + np.sin(3 * x)


def trained(param, optimizer, wrapper, steps):
    for step in steps:
        optimizer.param_groups[0]["lr"] = RATES[step]
        param.grad = torch.from_numpy(slope(param.detach().numpy()))
        optimizer.step()
    return wrapper


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("kind", [thalweg.SGD, torch.optim.SGD])
def test_the_papers_two_lines(kind, momentum):
    """X' = A(x + beta m), m' = decay m + (1 - decay)(x' - x), with A gradient descent."""
    start = np.array([0.5, -1.0, 3.0])
    x, m, v, share = start, np.zeros(3), np.zeros(3), 0.0
    for step, rate in enumerate(RATES):
        ahead = x + share * m
        v = slope(ahead) if step == 0 else momentum * v + slope(ahead)
        new = ahead - rate * v
        m, x = 0.8 * m + 0.2 * (new - x), new
        share = 0.5 * rate / max(RATES[: step + 1])
    param = nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = kind([param], lr=1.0, momentum=momentum)
    wrapper = trained(param, optimizer, thalweg.EMANesterov(optimizer, 0.5, 0.8), range(len(RATES)))
    np.testing.assert_allclose(param.detach().numpy(), x + share * m, rtol=1e-12)
    wrapper.eval()
    wrapper.eval()
    np.testing.assert_allclose(param.detach().numpy(), x, rtol=1e-12)
    wrapper.train()
    np.testing.assert_allclose(param.detach().numpy(), x + share * m, rtol=1e-12)
    wrapper.remove()
    np.testing.assert_allclose(param.detach().numpy(), x, rtol=1e-12)
    assert not optimizer._optimizer_step_pre_hooks


def test_training_goes_on_from_a_checkpoint():
    params = [nn.Parameter(torch.linspace(-1, 1, 4).double()) for _ in range(2)]
    optimizers = [thalweg.AdamW([param], lr=0.1) for param in params]
    wrappers = [thalweg.EMANesterov(optimizer) for optimizer in optimizers]
    trained(params[0], optimizers[0], wrappers[0], range(3))
    with torch.no_grad():
        params[1].copy_(params[0])
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    wrappers[1].load_state_dict(copy.deepcopy(wrappers[0].state_dict()))
    for each in zip(params, optimizers, wrappers, strict=True):
        trained(*each, range(3, 6))
    assert torch.equal(*params)


def test_around_a_whole_model_of_muons_where_a_layer_rests():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    before = copy.deepcopy(net[1].weight)
    optimizer = thalweg.Muon(net.named_parameters(), lr=0.01)
    wrapper = thalweg.EMANesterov(optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        net[0](torch.ones(1, 8)).square().sum().backward()
        optimizer.step()
    assert torch.equal(net[1].weight, before)
    assert set(wrapper.means) == set(net[0].parameters())


def test_what_it_refuses():
    param = nn.Parameter(torch.ones(3))
    optimizer = thalweg.SGD([param], lr=0.1)
    with pytest.raises(ValueError, match="EMANesterov needs lookahead at least 0, but got -1"):
        thalweg.EMANesterov(optimizer, -1)
    with pytest.raises(ValueError, match=r"EMANesterov needs decay in \[0, 1\), but got 1"):
        thalweg.EMANesterov(optimizer, decay=1)
    wrapper = thalweg.EMANesterov(optimizer)
    wrapper.eval()
    param.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match=r"EMANesterov cannot step from the weights themselves: call train\(\)"):
        optimizer.step()
    assert torch.equal(param, torch.ones(3))
    with pytest.raises(ValueError, match=r"a mean .* 0, which is \(3,\), but got a tensor of shape \(2,\)"):
        wrapper.load_state_dict({"means": {0: torch.ones(2)}, "shares": {}, "largest": [], "is_ahead": True})


@pytest.mark.parametrize("count", [1, 2])
def test_a_step_that_is_left_out_moves_nothing(count):
    """Gradients that are only gathered, or not finite, are no steps to take a mean of."""
    params = [nn.Parameter(torch.ones(2, dtype=torch.float64)) for _ in range(2)]
    plain = thalweg.SGD(params[:1], lr=0.1)
    waiting = thalweg.SGD(params[1:], lr=0.1, accumulate=count, skip_nonfinite=True)
    wrappers = [thalweg.EMANesterov(optimizer, 0.5, 0.8) for optimizer in (plain, waiting)]
    for size in (1.0, 2.0, 3.0):
        params[0].grad = torch.full((2,), size, dtype=torch.float64)
        plain.step()
        for number in (torch.nan, *[size] * count):
            params[1].grad = torch.full((2,), number, dtype=torch.float64)
            waiting.step()
    assert torch.equal(*params)
    assert wrappers[0].means[params[0]].eq(wrappers[1].means[params[1]]).all()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda saved: saved.pop("shares"), "a state_dict with is_ahead, largest, means, shares"),
        (lambda saved: saved["shares"].clear(), "a share for each mean"),
        (lambda saved: saved["means"].update({-1: torch.ones(2)}), "a mean of the shape of parameter -1"),
        (lambda saved: saved["largest"].append("x"), "shares and largest rates at least 0"),
    ],
)
def test_what_was_saved_is_looked_at_before_anything_changes(spoil, sentence):
    param = nn.Parameter(torch.ones(2))
    optimizer = thalweg.SGD([param], lr=0.1)
    wrapper = thalweg.EMANesterov(optimizer)
    param.grad = torch.ones(2)
    optimizer.step()
    saved, kept = wrapper.state_dict(), wrapper.means
    spoil(saved)
    with pytest.raises(ValueError, match=f"^EMANesterov needs {sentence}"):
        wrapper.load_state_dict(saved)
    assert wrapper.means is kept
