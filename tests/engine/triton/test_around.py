"""What a training loop does around a step, on the device: common norms, steps left out, a scaler, metrics."""

import copy

import pytest
import torch

from thalweg import SGD, Adam, RMSProp
from thalweg.engine.plans import plan
from thalweg.engine.totals import norm

from ..oracle import summed
from .conftest import DEVICE
from .test_launch import backward, params


def trained(engine, steps=4, spoil=None, cls=RMSProp, shapes=((3, 3), (40,), (2, 2)), **options):
    """Train on the same gradients with either engine; one of the steps may have an infinite one."""
    torch.manual_seed(0)
    optimizer = cls(params(*shapes), lr=0.1, engine=engine, **options)
    for step in range(steps):
        backward(optimizer)
        if step == spoil:
            optimizer.param_groups[0]["params"][1].grad[0] = torch.inf
        optimizer.step()
    return optimizer


def compare(found, wanted):
    for one, other in zip(found.param_groups[0]["params"], wanted.param_groups[0]["params"], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert found.metrics.keys() == wanted.metrics.keys()
    for name, value in found.metrics.items():
        assert value == pytest.approx(wanted.metrics[name], rel=1e-5), name


@pytest.mark.parametrize(
    "options",
    [
        {"max_grad_norm": 0.5},
        {"max_grad_norm": 1e3, "track": True},
        {"max_grad_norm": 0.5, "ema_decay": 0.9, "cautious": True},
        {"max_tensor_norm": 0.25, "track": True},
        {"accumulate": 2, "max_grad_norm": 0.5},
    ],
    ids=str,
)
def test_everything_is_as_on_the_eager_engine(options):
    compare(trained("triton", **options), trained("eager", **options))


@pytest.mark.parametrize("spoil", [0, 2])
def test_a_step_that_is_not_finite_changes_nothing(spoil):
    found = trained("triton", spoil=spoil, skip_nonfinite=True, max_grad_norm=0.5)
    compare(found, trained("eager", spoil=spoil, skip_nonfinite=True, max_grad_norm=0.5))
    assert found.metrics["skipped"] == 1
    assert {state["step"].item() for state in found.state.values()} == {3}


@pytest.mark.filterwarnings("ignore:.*runs on the eager engine, as its elements overlap")
def test_a_norm_over_launches_and_engines():
    """Two dtypes are two launches, and a parameter with gaps is the eager engine's: on a GPU a warning says so."""

    def make(engine):
        torch.manual_seed(0)
        wide, narrow, odd = params((5,), dtype=torch.float64), params((7,)), params((3, 2))
        gap = torch.nn.Parameter(odd[0].detach()[:, 0])
        optimizer = RMSProp([*wide, *narrow, gap], lr=0.1, max_grad_norm=0.5, skip_nonfinite=True, engine=engine)
        for _ in range(3):
            backward(optimizer)
            optimizer.step()
        return optimizer

    compare(make("triton"), make("eager"))


@pytest.mark.parametrize("size", [1, 300, 4099, 70_000])
def test_sums_are_taken_in_the_order_that_is_promised(size):
    """Columns of 256, pieces of 32,768: what is summed spans all that float32 has."""
    optimizer = SGD(params((size,)), lr=0.1, track=True, engine="triton")
    (param,) = optimizer.param_groups[0]["params"]
    param.grad = torch.randn_like(param) * 10.0 ** torch.randint(-18, 18, (size,), device=DEVICE)
    optimizer.step()
    (found,) = optimizer._metrics.sums["grad_square"]
    assert found.item() == summed(param.grad.cpu().numpy(), "total_square")


def scaled(engine, spoil=None, cls=Adam):
    torch.manual_seed(0)
    tensors = params((3, 3), (5,))
    optimizer = cls(tensors, lr=0.1, engine=engine, fused=True)
    scaler = torch.amp.GradScaler(DEVICE.type, init_scale=2.0**10, growth_interval=2)
    for step in range(5):
        optimizer.zero_grad()
        scaler.scale(sum((param**3).sum() for param in tensors) * (torch.inf if step == spoil else 1)).backward()
        scaler.step(optimizer)
        scaler.update()
    return tensors, copy.deepcopy(optimizer.state_dict()["state"])


@pytest.mark.parametrize("spoil", [None, 0, 3])
def test_a_scaler(spoil):
    found, wanted = scaled("triton", spoil), scaled("eager", spoil)
    # The eager engine keeps counts on the CPU.
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6, check_device=False)


def test_what_a_scaler_has_found_is_left_to_the_device(counted):
    """The host asks for it only where a plan is made."""
    asked = counted(plan.Plan, "_is_left_out")
    tensors, _ = scaled("triton", spoil=3)
    assert len(asked) == 5
    assert all(torch.isfinite(param).all() for param in tensors)


@pytest.mark.filterwarnings("ignore:.*runs on the eager engine, as its elements overlap")
def test_a_mixed_plan_asks_the_host(counted):
    """Where the eager engine or the CPU's kernels take part, an overflow must be known to them."""
    gap = torch.nn.Parameter(torch.ones(3, 2, device=DEVICE)[:, 0])
    tensors = [*params((4,)), gap]
    optimizer = RMSProp(tensors, lr=0.1, engine="triton")
    backward(optimizer)
    optimizer.step()
    before = [param.detach().clone() for param in tensors]
    optimizer.found_inf, optimizer.grad_scale = torch.ones(1, device=DEVICE), torch.ones(1, device=DEVICE)
    optimizer.step()
    assert all(map(torch.equal, before, tensors))


def test_a_plan_that_is_made_anew_asks_the_host():
    optimizer = RMSProp(params((4,)), lr=0.1, engine="triton")
    backward(optimizer)
    optimizer.step()
    (param,) = optimizer.param_groups[0]["params"]
    before = param.detach().clone()
    optimizer.found_inf, optimizer.grad_scale = torch.ones(1, device=DEVICE), torch.ones(1, device=DEVICE)
    optimizer.engine = "eager"
    optimizer.step()
    assert torch.equal(param, before)


def test_a_norm_that_a_device_has_taken_is_a_tensor():
    optimizer = trained("triton", max_grad_norm=0.5)
    assert isinstance(optimizer._step_numbers[norm.NORM], torch.Tensor)
