"""Weights that decay less as the rate falls, or only where the step goes; and gradients less their rows' means."""

import inspect

import pytest
import torch
from torch import nn

import thalweg as optim

ENGINES = pytest.mark.parametrize("engine", ["auto", "eager"])
RATES = [0.1, 0.4, 0.3, 0.05]


def walk(optimizer, params):
    """Step along the same gradients, with a rate that rises and falls."""
    for step, rate in enumerate(RATES):
        generator = torch.Generator().manual_seed(step)
        optimizer.param_groups[0]["lr"] = rate
        for param in params:
            param.grad = torch.randn(param.shape, dtype=param.dtype, generator=generator)
        optimizer.step()
    return [param.detach() for param in params]


def parameters(dtype=torch.float64):
    generator = torch.Generator().manual_seed(7)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in ((3, 4), (300,), (4, 3, 2, 2))]


@ENGINES
def test_corrected_decay_is_adam_cs_for_adam_w(engine):
    ours, others = parameters(), parameters()
    found = walk(optim.AdamW(ours, weight_decay=0.2, peak_lr=0.4, engine=engine), ours)
    wanted = walk(optim.AdamC(others, weight_decay=0.2, peak_lr=0.4, engine=engine), others)
    # the same products in another order
    torch.testing.assert_close(found, wanted, rtol=1e-14, atol=1e-15)


@ENGINES
@pytest.mark.parametrize("kind", [optim.SGD, optim.Lion, optim.LAMB, optim.Adafactor])
def test_corrected_decay_is_a_smaller_one(kind, engine):
    """A step with it is one without whose weight_decay is lr / peak_lr times as large."""
    decoupled = {} if kind is optim.Lion else {"decoupled_weight_decay": True}
    ours, others = parameters(), parameters()
    optimizer = kind(ours, lr=0.1, weight_decay=0.2, peak_lr=0.4, engine=engine, **decoupled)
    other = kind(others, lr=0.1, weight_decay=0.05, engine=engine, **decoupled)
    for param, twin in zip(ours, others, strict=True):
        param.grad = torch.linspace(-1, 1, param.numel(), dtype=param.dtype).view(param.shape)
        twin.grad = param.grad.clone()
    optimizer.step()
    other.step()
    torch.testing.assert_close(ours, others, rtol=1e-14, atol=1e-15)


def cautiously(w, gradients, momentum, decay):
    """Chen et al. 2025, equation 1, around momentum: decay where the step and the weight have one sign."""
    m = 0.0
    for rate, g in zip(RATES, gradients, strict=True):
        m = momentum * m + g
        w -= rate * m + (rate * decay * w if m * w >= 0 else 0.0)
    return w


@ENGINES
def test_cautious_decay(engine):
    param = parameters()[1]
    start, seen = param.tolist(), []
    optimizer = optim.SGD(
        [param], lr=0.1, momentum=0.9, weight_decay=0.3, decoupled_weight_decay=True, cautious_decay=True, engine=engine
    )
    for step, rate in enumerate(RATES):
        optimizer.param_groups[0]["lr"] = rate
        param.grad = torch.randn(300, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        seen.append(param.grad.tolist())
        optimizer.step()
    wanted = [cautiously(w, gradients, 0.9, 0.3) for w, gradients in zip(start, zip(*seen, strict=True), strict=True)]
    # four steps of five roundings
    torch.testing.assert_close(param.tolist(), wanted, rtol=1e-13, atol=1e-15)


@ENGINES
def test_cautious_decay_beside_caution(engine):
    """The masked step decides where weights decay, and the mask leaves decay alone."""
    param = nn.Parameter(torch.tensor([1.0, -1.0, 2.0, -2.0]).double())
    options = {"decoupled_weight_decay": True, "weight_decay": 0.5, "cautious": True, "cautious_decay": True}
    param.grad = torch.tensor([0.5, 0.5, -0.5, -0.5]).double()
    optim.SGD([param], lr=0.1, engine=engine, **options).step()
    torch.testing.assert_close(param.tolist(), [0.95 - 0.05, -1.05, 2.05, -1.9 + 0.05])


@ENGINES
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", [optim.SGD, optim.AdamW, optim.LAMB], ids=lambda kind: kind.__name__)
def test_gradients_less_their_rows_means(kind, dtype, engine):
    ours, others = parameters(dtype), parameters(dtype)
    optimizer = kind(ours, lr=0.1, gradient_centralization=True, engine=engine)
    other = kind(others, lr=0.1, engine=engine)
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        for param, twin in zip(ours, others, strict=True):
            gradient = torch.randn(param.shape, generator=generator).to(torch.bfloat16).double()
            param.grad = gradient.to(dtype)
            mean = gradient.mean(tuple(range(1, gradient.dim())), keepdim=True) if gradient.dim() > 1 else 0
            twin.grad = (gradient - mean).to(dtype)
        optimizer.step()
        other.step()
    # in bfloat16 the other's gradients are rounded once more
    close = {"rtol": 1e-13, "atol": 1e-14} if dtype == torch.float64 else {"rtol": 0.02, "atol": 0.02}
    torch.testing.assert_close(ours, others, **close)


def test_a_neurons_mean_weight_stays():
    param = nn.Parameter(torch.randn(5, 6).double())
    before = param.detach().mean(1)
    optimizer = optim.SGD([param], lr=0.5, momentum=0.9, gradient_centralization=True)
    for _ in range(5):
        param.grad = torch.randn(5, 6).double() + 3
        optimizer.step()
    # sums of six numbers that cancel
    torch.testing.assert_close(param.detach().mean(1), before, rtol=0, atol=1e-14)


@pytest.mark.parametrize("option", [{"peak_lr": 0.1}, {"cautious_decay": True}], ids=str)
def test_what_concerns_decay_needs_one_of_its_own(option):
    with pytest.raises(ValueError, match="is for weights that decay apart from the gradient: pass Adam decoupled_"):
        optim.Adam([torch.zeros(1)], weight_decay=0.1, **option)


@pytest.mark.parametrize("name", ["NAdam", "RAdam"])
def test_options_by_position_stand_as_in_torch(name):
    """An option of every optimizer, which a class has by position too, does not come before its own."""
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (optim, torch.optim))
    plain = [name for name, parameter in theirs.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    assert list(ours)[: len(plain)] == plain
    assert getattr(optim, name)([torch.zeros(1)], 0.01).param_groups[0]["lr"] == 0.01


def test_a_class_keeps_what_its_parent_has_decided():
    class Mine(optim.AdamW):
        """AdamW by another name."""

        lr: optim.hyper.NonNegative = 0.5

    assert Mine([torch.zeros(1)]).param_groups[0]["decoupled_weight_decay"] is True
