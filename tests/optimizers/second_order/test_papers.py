"""Sophia and AdaHessian: their boxes in plain floats, other people's code, and estimates of the Hessian."""

import copy
import math

import pytest
import torch
from torch import nn

import thalweg as optim
from tests.traits import in_turn

STEPS, PERIOD = 7, 3
cycles = pytest.mark.filterwarnings("ignore:Using backward")  # gradients with graphs hold themselves
ENGINES = pytest.mark.parametrize("engine", ["auto", "eager"])


def sophia_g(w, gradients, seen, lr=1e-4, betas=(0.965, 0.99), rho=0.04, weight_decay=0.1, batch_size=5120, eps=1e-15):
    """Liu et al. 2023, algorithms 2 and 3, with eps added as in the authors' code. https://arxiv.org/abs/2305.14342."""
    m = h = 0.0
    for g, s in zip(gradients, seen, strict=True):
        h = h if s is None else betas[1] * h + (1 - betas[1]) * s * s
        m = betas[0] * m + (1 - betas[0]) * g
        w -= lr * weight_decay * w
        w -= lr * math.copysign(min(abs(m) / (rho * batch_size * h + eps), 1.0), m)
        yield w


def sophia_h(w, gradients, seen, lr=1e-4, betas=(0.96, 0.99), rho=0.01, weight_decay=0.1, eps=1e-12):
    """The same, algorithms 1 and 3."""
    m = h = 0.0
    for g, s in zip(gradients, seen, strict=True):
        h = h if s is None else betas[1] * h + (1 - betas[1]) * s
        m = betas[0] * m + (1 - betas[0]) * g
        w -= lr * weight_decay * w
        w -= lr * max(-1.0, min(m / max(rho * h, eps), 1.0))
        yield w


def adahessian(w, gradients, seen, lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, hessian_power=1.0):
    """Yao et al. 2021, algorithm 1, with the last estimate where there is no new one. https://arxiv.org/abs/2006.00719."""
    m = v = d = 0.0
    for t, (g, s) in enumerate(zip(gradients, seen, strict=True), 1):
        d = d if s is None else s
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * d * d
        w -= lr * weight_decay * w
        power = math.sqrt(v / (1 - betas[1] ** t)) ** hessian_power
        w -= lr * m / (1 - betas[0] ** t) / (power + eps)
        yield w


CASES = [
    ("SophiaG", sophia_g, {}),
    ("SophiaG", sophia_g, {"lr": 0.1, "betas": (0.5, 0.75), "batch_size": 2, "rho": 0.3, "weight_decay": 0.0}),
    ("SophiaH", sophia_h, {}),
    ("SophiaH", sophia_h, {"lr": 0.1, "betas": (0.5, 0.75), "rho": 2.0, "eps": 0.1}),
    ("AdaHessian", adahessian, {}),
    ("AdaHessian", adahessian, {"lr": 0.3, "betas": (0.5, 0.75), "hessian_power": 0.5, "weight_decay": 0.1}),
]


@ENGINES
@pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
@pytest.mark.parametrize("sign", [1, -1], ids=["down", "up"])
def test_the_papers_box(name, rule, options, engine, sign):
    start, gradients, seen = (
        torch.randn(300).double(),
        torch.randn(STEPS, 300).double(),
        torch.randn(STEPS, 300).double(),
    )
    param = nn.Parameter(start.clone())
    optimizer = getattr(optim, name)([param], **options, engine=engine, maximize=sign < 0)
    for step in range(STEPS):
        param.grad = sign * gradients[step]
        optimizer.step(hessian=[sign * seen[step]] if step % PERIOD == 0 else None)
    for element in range(0, 300, 37):
        others = [float(s) if step % PERIOD == 0 else None for step, s in enumerate(seen[:, element])]
        *_, wanted = rule(float(start[element]), gradients[:, element].tolist(), others, **options)
        # seven steps of some ten roundings; a power is 4 units off
        assert float(param[element].detach()) == pytest.approx(wanted, rel=1e-13, abs=1e-14)


FORMATS = [
    {},
    {"rounding": "stochastic"},
    {"rounding": "kahan"},
    {"state_dtype": "8bit"},
    {"state_dtype": torch.bfloat16, "ema_decay": 0.9},
    {"accumulate": 2, "max_grad_norm": 1.0, "lookahead": 2},
]


NAMES = ("SophiaG", "SophiaH", "AdaHessian")


@pytest.mark.parametrize("options", FORMATS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_kernels_agree_with_the_eager_engine_in_every_format(name, options):
    dtype = in_turn((torch.float32, torch.bfloat16), NAMES.index(name) + FORMATS.index(options))
    torch.manual_seed(1)
    start = torch.randn(5000, dtype=dtype)
    pair = [nn.Parameter(start.clone()) for _ in range(2)]
    both = [
        getattr(optim, name)([param], lr=1e-2, engine=engine, **options)
        for param, engine in zip(pair, ("auto", "eager"), strict=True)
    ]
    for step in range(4):
        gradient, seen = torch.randn(5000, dtype=dtype), torch.randn(5000, dtype=dtype)
        for param, optimizer in zip(pair, both, strict=True):
            param.grad = gradient.clone()
            optimizer.step(hessian=[seen] if step % 2 == 0 else None)
    assert "eager" not in both[0].explain()
    assert not torch.equal(pair[0], start)
    # roundings of the last place may fall differently, and random bits do not
    close = torch.isclose(*pair, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-6)
    assert close.float().mean() > 0.999


def test_observing_is_no_step():
    param = nn.Parameter(torch.ones(3))
    optimizer = optim.SophiaG([param], accumulate=2)
    param.grad = torch.tensor([1.0, 2.0, 3.0])
    own = param.grad
    optimizer.update_hessian()
    assert param.grad is own
    assert torch.equal(param, torch.ones(3))
    torch.testing.assert_close(optimizer.state[param]["hessian"], 0.01 * own**2)
    for _ in range(2):
        optimizer.step()
    assert not torch.equal(param, torch.ones(3))


def test_going_on_from_a_checkpoint_is_the_same():
    def train(optimizer, param, steps):
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            param.grad = torch.randn(300, generator=generator)
            optimizer.step(hessian=[torch.randn(300, generator=generator)] if step % 2 == 0 else None)

    for kind in (optim.SophiaG, optim.SophiaH, optim.AdaHessian):
        param = nn.Parameter(torch.ones(300))
        optimizer = kind([param])
        train(optimizer, param, range(3))
        other = nn.Parameter(param.detach().clone())
        resumed = kind([other])
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        train(optimizer, param, range(3, 6))
        train(resumed, other, range(3, 6))
        assert torch.equal(param, other)


def loss_of(params, weights):
    return sum((weight * param**4).sum() for weight, param in zip(weights, params, strict=True))


def test_hutchinson_of_a_loss_leaves_its_graph_to_backward():
    params = [nn.Parameter(torch.randn(4).double()), nn.Parameter(torch.ones(2))]
    loss = loss_of(params[:1], [3.0])
    found = optim.hutchinson(params, loss, samples=2)
    loss.backward()
    torch.testing.assert_close(found[0], 36 * params[0].detach() ** 2)
    torch.testing.assert_close(params[0].grad, 12 * params[0].detach() ** 3)
    assert found[1] is None


@cycles
def test_hutchinson_is_exact_for_a_diagonal_hessian():
    params = [nn.Parameter(torch.randn(4).double()), nn.Parameter(torch.randn(3, 2).double())]
    unused = nn.Parameter(torch.ones(2))
    loss_of(params, [1.0, 2.0]).backward(create_graph=True)
    found = optim.hutchinson([*params, unused], samples=2)
    for estimate, param, weight in zip(found, params, (1.0, 2.0), strict=False):
        torch.testing.assert_close(estimate, 12 * weight * param.detach() ** 2)
    assert found[2] is None


@cycles
def test_hutchinson_is_right_on_the_mean():
    matrix = torch.tensor([[2.0, 1.0], [1.0, -3.0]]).double()
    param = nn.Parameter(torch.zeros(2).double())
    (param @ matrix @ param / 2).backward(create_graph=True)
    (found,) = optim.hutchinson([param], samples=500, generator=torch.Generator().manual_seed(0))
    # a standard error is 1 / sqrt(500)
    torch.testing.assert_close(found, matrix.diagonal(), rtol=0, atol=0.2)


@pytest.mark.filterwarnings("ignore")  # of theirs, and torch's about cycles
def test_the_same_as_timms_adahessian():
    try:
        from tests.catalogue.authorities import TIMM, Authority, their_class

        theirs = their_class(Authority("AdaHessian", TIMM + "adahessian", "Adahessian"))
    except ImportError:
        pytest.skip("timm is not installed")
    ours, others = ([nn.Parameter(torch.linspace(0.5, 2, 6).double())] for _ in range(2))
    optimizer, other = optim.AdaHessian(ours, weight_decay=0.1), theirs(others, weight_decay=0.1)
    for _ in range(STEPS):
        for each, params in ((optimizer, ours), (other, others)):
            each.zero_grad()
            # the Hessian is diagonal, so signs do not matter
            loss_of(params, [1.0]).backward(create_graph=True)
            if each is optimizer:
                each.update_hessian()
            each.step()
    torch.testing.assert_close(ours[0], others[0], rtol=1e-12, atol=0)


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_same_as_the_authors_sophia():
    theirs = pytest.importorskip("sophia_opt").SophiaG
    ours, others = ([nn.Parameter(torch.linspace(-1, 2, 50).double())] for _ in range(2))
    optimizer, other = optim.SophiaG(ours, lr=1e-2), theirs(others, lr=1e-2)
    for step in range(20):
        generator = torch.Generator().manual_seed(step)
        gradient, seen = (torch.randn(50, generator=generator).double() for _ in range(2))
        for each, (param,) in ((optimizer, ours), (other, others)):
            param.grad = 1e-2 * seen
            if step % PERIOD == 0:
                each.update_hessian()
            param.grad = gradient.clone()
            each.step(**({} if each is optimizer else {"bs": 5120}))
    torch.testing.assert_close(ours[0], others[0], rtol=1e-12, atol=0)


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_pytorch_optimizers_sophia_is_ours_in_other_units():
    theirs = pytest.importorskip("pytorch_optimizer").SophiaH
    ours, others = ([nn.Parameter(torch.linspace(-1, 2, 50).double())] for _ in range(2))
    optimizer = optim.SophiaH(ours, lr=6e-4, weight_decay=0)
    other = theirs(others, lr=6e-2, p=1e-2, eps=1e-10, update_period=1000)
    for step in range(20):
        generator = torch.Generator().manual_seed(step)
        gradient, seen = (torch.randn(50, generator=generator).double() for _ in range(2))
        for each, (param,) in ((optimizer, ours), (other, others)):
            param.grad = gradient.clone()
            each.step(hessian=[seen])
    torch.testing.assert_close(ours[0], others[0], rtol=1e-12, atol=1e-14)


@ENGINES
def test_the_mean_over_a_kernel(engine):
    """Yao et al. 2021, equation 10: the sizes of neighbours are averaged, here those of a kernel's six places."""
    torch.manual_seed(0)
    param = nn.Parameter(torch.randn(2, 3, 2, 3).double())
    plain = nn.Parameter(param.detach().clone())
    optimizer = optim.AdaHessian([param], avg_conv_kernel=True, engine=engine)
    other = optim.AdaHessian([plain])
    for _ in range(STEPS):
        param.grad, seen = torch.randn(2, 3, 2, 3).double(), torch.randn(2, 3, 2, 3).double()
        plain.grad = param.grad.clone()
        optimizer.step(hessian=[seen])
        other.step(hessian=[seen.abs().mean((2, 3), keepdim=True).expand_as(seen).clone()])
    torch.testing.assert_close(param.detach(), plain.detach(), rtol=1e-13, atol=0)


@ENGINES
def test_what_has_no_kernel_is_as_before(engine):
    pair = [nn.Parameter(torch.ones(3, 4)) for _ in range(2)]
    both = [
        optim.AdaHessian([param], avg_conv_kernel=on, engine=engine)
        for param, on in zip(pair, (False, True), strict=True)
    ]
    for param, optimizer in zip(pair, both, strict=True):
        param.grad = torch.arange(12.0).view(3, 4)
        optimizer.step(hessian=[torch.arange(1.0, 13.0).view(3, 4)])
    assert torch.equal(*pair)


def test_what_does_not_fit_is_refused_and_nothing_changes():
    params = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))]
    optimizer = optim.SophiaH(params)
    with pytest.raises(ValueError, match="SophiaH has 2 parameters, but got 1 estimates"):
        optimizer.update_hessian([torch.ones(3)])
    with pytest.raises(ValueError, match="SophiaH needs an estimate of the Hessian like parameter 1 of group 0"):
        optimizer.update_hessian([torch.ones(3), torch.ones(3)])
    with pytest.raises(RuntimeError, match="Hutchinson's estimate needs gradients with their graph, but got no grad"):
        optimizer.update_hessian()
    with pytest.raises(RuntimeError, match=r"SophiaG\.update_hessian needs gradients of labels that the model"):
        optim.SophiaG(params).update_hessian()
    assert not optimizer.state
    params[0].grad = torch.ones(3)
    with pytest.raises(RuntimeError, match=r"AdaHessian cannot step parameter 0 of group 0 .* before it has seen"):
        optim.AdaHessian(params).step()
    assert torch.equal(params[0], torch.ones(3))
