"""Prodigy beside its authors' own package, and what one number for all parameters asks of checkpoints and groups."""

import copy
import math
import re

import pytest
import torch
from prodigyopt import Prodigy as TheirProdigy
from torch import nn

import thalweg

SHAPES = [(5,), (3, 4), (300,), ()]
STEPS = 40

# Theirs adds eps in units of the new d, the paper's box in units of the old one: here it is nothing.
NO_EPS = {"eps": 1e-30}
OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "decouple": False},
    {"use_bias_correction": True, "safeguard_warmup": True},
    {"growth_rate": 1.5, "d_coef": 2.0, "beta3": 0.9, "d0": 1e-4},
    {"lr": 0.5, "betas": (0.5, 0.75)},
]


def parameters(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, dtype=dtype, generator=generator)) for shape in SHAPES]


def walk(optimizer, steps=range(STEPS), missing=lambda step, index: False):
    """Step towards 2, with noise."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for index, param in enumerate(params):
            noise = torch.randn(param.shape, dtype=param.dtype, generator=generator)
            param.grad = None if missing(step, index) else param.detach() - 2 + 0.1 * noise
        optimizer.step()
    return params


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_the_authors_package(options, engine):
    theirs = TheirProdigy(parameters(), **options, **NO_EPS)
    ours = thalweg.Prodigy(parameters(), **options, **NO_EPS, engine=engine)
    wanted, found = walk(theirs), walk(ours)
    # sums are taken in another order, and the estimate feeds on itself: it doubles an error in each of forty steps
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    for name in ("d", "d_max", "d_numerator"):
        assert ours.param_groups[0][name] == pytest.approx(theirs.param_groups[0][name], rel=1e-6)
    assert ours.param_groups[0]["d"] > 10 * ours.d0


def by_floats(start, gradients, lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8, d=1e-6):
    """Mishchenko & Defazio 2024, algorithm 4: r and s with weight sqrt(beta2), up to a common factor."""
    x0, x, m, v, s, r, d0 = list(start), list(start), [0.0] * len(start), [0.0] * len(start), [0.0] * len(start), 0.0, d
    root = math.sqrt(beta2)
    for g in gradients:
        m = [beta1 * a + (1 - beta1) * d * b for a, b in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * d * d * b * b for a, b in zip(v, g, strict=True)]
        r = root * r + (1 - root) * lr * d * d * sum(b * (a - c) for a, b, c in zip(x0, g, x, strict=True))
        s = [root * a + (1 - root) * lr * d * d * b for a, b in zip(s, g, strict=True)]
        x = [a - lr * d * b / (math.sqrt(c) + d * eps) for a, b, c in zip(x, m, v, strict=True)]
        d = max(d, r / sum(map(abs, s)))
    assert d > d0
    return x, d


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_the_papers_box(engine):
    param = nn.Parameter(torch.randn(6, dtype=torch.float64))
    gradients = torch.rand(STEPS, 6, dtype=torch.float64)
    wanted, d = by_floats(param.tolist(), gradients.tolist())
    optimizer = thalweg.Prodigy([param], engine=engine)
    for gradient in gradients:
        param.grad = gradient.clone()
        optimizer.step()
    # both sums are divided by each other
    torch.testing.assert_close(param.tolist(), wanted, rtol=1e-10, atol=1e-12)
    assert optimizer.param_groups[0]["d"] == pytest.approx(d, rel=1e-10)


def test_groups_share_the_estimate_and_keep_their_rates():
    """A group that is frozen by lr=0 takes no part; theirs knows but one other rate."""
    ends = []
    for kind in (TheirProdigy, thalweg.Prodigy):
        first, *others = parameters()
        optimizer = kind([{"params": others}, {"params": [first], "lr": 0.0}], lr=1.0, **NO_EPS)
        walk(optimizer)
        ends.append(([param.detach() for param in (first, *others)], optimizer.param_groups[1]["d"]))
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-10, atol=1e-12)


def test_a_group_that_comes_later_starts_from_what_is_known():
    optimizer = thalweg.Prodigy(parameters())
    walk(optimizer)
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(3, dtype=torch.float64))]})
    assert optimizer.param_groups[1]["d"] == optimizer.param_groups[0]["d"] > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_resumed_run_is_bit_identical(dtype):
    options = {"rounding": "stochastic"} if dtype is torch.bfloat16 else {}
    whole = thalweg.Prodigy(parameters(dtype), **options)
    walk(whole, range(10))
    saved, copies = copy.deepcopy(whole.state_dict()), [nn.Parameter(p.detach().clone()) for p in walk(whole, [])]
    resumed = thalweg.Prodigy(copies, **options)
    resumed.load_state_dict(saved)
    for optimizer in (whole, resumed):
        walk(optimizer, range(10, 20))
    assert whole.param_groups[0]["d"] == resumed.param_groups[0]["d"]
    for one, other in zip(walk(whole, []), walk(resumed, []), strict=True):
        assert torch.equal(one, other)


def test_the_number_of_threads_and_engines_does_not_matter():
    ends = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        params = [nn.Parameter(torch.randn(70_000)) for _ in range(2)]
        optimizer = thalweg.Prodigy(params)
        walk(optimizer, range(4))
        ends.append((torch.cat(params).detach(), optimizer.param_groups[0]["d"]))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]


def test_nothing_is_learned_without_a_gradient():
    optimizer = thalweg.Prodigy(parameters())
    for param in walk(optimizer, []):
        param.grad = torch.zeros_like(param)
    optimizer.step()
    assert optimizer.param_groups[0]["d"] == optimizer.d0
    walk(optimizer, range(3), missing=lambda step, index: index != 0)
    assert optimizer.param_groups[0]["d"] > optimizer.d0


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate": 2},
        {"skip_nonfinite": True},
        {"max_grad_norm": 1.0},
        {"cautious": True},
        {"state_dtype": "8bit"},
        {"state_dtype": "4bit"},
    ],
    ids=str,
)
def test_together_with_what_goes_around_a_step(options):
    """The estimate stays finite, grows, and the parameters come nearer."""
    optimizer = thalweg.Prodigy([nn.Parameter(torch.zeros(5000))], **options)
    (param,) = walk(optimizer, range(60))
    assert 1e-4 < optimizer.param_groups[0]["d"] < 100
    assert (param - 2).square().mean() < 3


def test_a_step_that_is_left_out_teaches_nothing():
    optimizer = thalweg.Prodigy([nn.Parameter(torch.zeros(5))], skip_nonfinite=True)
    (param,) = walk(optimizer, range(5))
    before = {name: optimizer.param_groups[0][name] for name in optimizer.learned}
    param.grad = torch.full((5,), torch.nan)
    optimizer.step()
    assert {name: optimizer.param_groups[0][name] for name in optimizer.learned} == before


@pytest.mark.parametrize("state_dtype", ["8bit", "4bit"])
def test_what_starts_as_the_parameter_is_exact(state_dtype):
    param = nn.Parameter(torch.randn(5000).bfloat16())
    start = param.detach().float()
    optimizer = thalweg.Prodigy([param], state_dtype=state_dtype)
    param.grad = torch.ones_like(param)
    optimizer.step()
    assert torch.equal(optimizer.state[param]["p0"], start)


def test_it_finds_a_rate_for_the_digits_size_of_problem():
    """Within a few hundred steps it does as well as the best of Adam's rates, untuned."""
    torch.manual_seed(0)
    inputs, target = torch.randn(256, 20), torch.randn(20, 1)

    def loss_after(make):
        weight = nn.Parameter(torch.zeros(20, 1))
        optimizer = make([weight])
        for _ in range(200):
            optimizer.zero_grad()
            loss = (inputs @ (weight - target)).square().mean()
            loss.backward()
            optimizer.step()
        return loss.item()

    rates = [loss_after(lambda params, lr=lr: thalweg.Adam(params, lr=lr)) for lr in (1e-4, 1e-3, 1e-2, 1e-1, 1)]
    assert loss_after(thalweg.Prodigy) < 10 * sorted(rates)[1]


def test_it_cannot_step_in_backward():
    net = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="Prodigy cannot step in backward, since it learns from the sums"):
        thalweg.in_backward(net, thalweg.Prodigy(net.parameters()))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"d0": 0}, "Invalid d0 value: 0"),
        ({"growth_rate": 0.5}, "Invalid growth_rate value: 0.5"),
        ({"beta3": 1}, "beta3"),
    ],
)
def test_what_it_does_not_take(options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        thalweg.Prodigy([torch.zeros(3)], **options)


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("options", [{}, {"safeguard_warmup": True}, {"weight_decay": 0.1, "decouple": False}], ids=str)
def test_a_group_whose_rate_is_zero_rests(options, engine):
    """The authors' package leaves its gradients out of the estimate, and its states alone, until it has a rate."""

    def trained(cls, **more):
        params = parameters()
        optimizer = cls([{"params": params[:2]}, {"params": params[2:], "lr": 0.0}], **options, **NO_EPS, **more)
        walk(optimizer, range(10))
        optimizer.param_groups[1]["lr"] = 1.0
        walk(optimizer, range(10, 20))
        return params, optimizer.param_groups[0]["d"]

    wanted, found = trained(TheirProdigy), trained(thalweg.Prodigy, engine=engine)
    assert found[1] == pytest.approx(wanted[1], rel=1e-6)
    # as above, in twenty steps
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-6, atol=1e-6)
