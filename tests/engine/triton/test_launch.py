"""One launch for all that share a formula; what is sent to the device, and when; and whatever changes between steps."""

import pytest
import torch

from thalweg import SGD, Adam, RMSProp
from thalweg.engine.plans import build
from thalweg.engine.triton.device import transfer
from thalweg.engine.triton.kernels import kernel
from thalweg.engine.triton.launching import tables
from thalweg.engine.triton.launching.device_launch import DeviceLaunch

from ..around_steps.test_changes import CHANGES
from .conftest import DEVICE


def params(*shapes, dtype=torch.float32):
    return [
        torch.nn.Parameter(torch.randn(shape, dtype=dtype).to(DEVICE)) for shape in shapes or [(3, 3), (5,), (2, 2)]
    ]


def backward(optimizer):
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.randn_like(param)


@pytest.fixture
def on_device(lockstep):
    """Train twice in lockstep: on the device's kernels, and on the eager engine."""
    return lambda make: lockstep(lambda engine: make("triton" if engine == "auto" else engine))


@pytest.fixture
def pair(on_device):
    def make(engine):
        one, other, third, fourth = params((3, 3), (3, 3), (5,), (2, 2))
        return Adam([{"params": [one, other]}, {"params": [third, fourth], "lr": 0.5}], engine=engine)

    pair = on_device(make)
    pair.step()
    return pair


@pytest.mark.skipif(DEVICE.type != "cpu", reason="the changes are made with tensors on the CPU")
@pytest.mark.parametrize("happens", CHANGES)
def test_a_change_between_two_steps(pair, happens):
    pair.each(happens)
    pair.step()


def test_groups_and_step_counts_share_a_launch(counted):
    launches = counted(DeviceLaunch, "stages")
    one, other, third = params()
    optimizer = Adam([{"params": [one]}, {"params": [other, third], "lr": 0.5}], engine="triton")
    one.grad = torch.ones_like(one)
    optimizer.step()
    backward(optimizer)
    launches.clear()
    optimizer.step()
    assert len(launches) == 1
    assert [optimizer.state[param]["step"].item() for param in (one, other, third)] == [2, 1, 1]


def test_dtypes_and_formulas_have_launches_of_their_own(on_device, counted):
    def make(engine):
        wide, narrow = params((3,), (3,)), params((4,), dtype=torch.float64)
        return SGD([{"params": wide + narrow}, {"params": params((3,)), "momentum": 0.5}], lr=0.1, engine=engine)

    launches = counted(DeviceLaunch, "stages")
    pair = on_device(make)
    pair.step()
    assert len(launches) == 3


def test_layers_frozen_in_turns(on_device):
    pair = on_device(lambda engine: RMSProp(params(), engine=engine))
    for chosen in ((0,), (1, 2), (0, 1, 2), (0,), (1, 2)):
        pair.step(lambda index, chosen=chosen: index in chosen)


def test_gradients_that_lie_unlike_their_parameters(on_device):
    pair = on_device(lambda engine: RMSProp(params((3, 5), (4, 2)), engine=engine))
    for laid_out in (lambda grad: grad.t().contiguous().t(), torch.clone, lambda grad: grad.t().contiguous().t()):
        pair.step(laid_out=laid_out)
        pair.step_again()


def test_only_what_changes_is_sent_to_the_device(counted):
    optimizer = RMSProp(params(), engine="triton")
    backward(optimizer)
    optimizer.step()
    sent = counted(transfer.Stage, "copy")
    optimizer.step()
    assert len(sent) == 0
    # Gradients that are elsewhere, and any number of changed options, are one copy.
    kept = [param.grad for param in optimizer.param_groups[0]["params"]]
    backward(optimizer)
    optimizer.param_groups[0].update(lr=0.5, alpha=0.5)
    optimizer.step()
    assert len(sent) == 1
    del kept


def test_more_copies_than_may_be_under_way(on_device):
    pair = on_device(lambda engine: SGD(params(), lr=0.1, engine=engine))
    for _ in range(transfer.STAGES + 3):
        pair.step()


def test_a_schedule_compiles_nothing_and_builds_no_table(counted):
    optimizer = RMSProp(params(), engine="triton")
    backward(optimizer)
    optimizer.step()
    built = [counted(kernel, "Kernel"), counted(tables.Tables, "__init__")]
    for lr in (0.1, 0.2, torch.tensor(0.3)):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    assert built == [[], []]


@pytest.mark.filterwarnings("ignore:.*runs on the eager engine, as it shares memory")
def test_a_shared_step_count_is_counted_by_one_after_the_other(on_device):
    pair = on_device(lambda engine: Adam(params((3,), (3,)), engine=engine))
    pair.step()

    def share(optimizer):
        one, other = (optimizer.state[param] for param in optimizer.param_groups[0]["params"])
        other["step"] = one["step"]

    pair.each(share)
    pair.step()
    assert "shares memory" in pair.pair[0].explain()


@pytest.mark.skipif(DEVICE.type != "cpu", reason="a device has no other one that is always there")
def test_a_state_that_is_elsewhere_is_named():
    optimizer = Adam(params((3,)), engine="triton")
    backward(optimizer)
    optimizer.step()
    param = optimizer.param_groups[0]["params"][0]
    before = param.detach().clone()
    optimizer.state[param]["exp_avg"] = torch.zeros(3, device="meta")
    with pytest.raises(RuntimeError, match=r"Adam cannot step parameter 0 .* its state 'exp_avg' is on meta"):
        optimizer.step()
    assert torch.equal(param, before)
    assert optimizer.state[param]["step"] == 1


def test_explain_says_what_runs():
    said = Adam(params(), engine="triton").explain()
    assert ("Triton's interpreter" if DEVICE.type == "cpu" else f"as a Triton kernel on {DEVICE}") in said
    assert "in one launch" in said


def test_the_failures_of_one_device_are_not_those_of_another():
    """Kernels are found by program, dtypes, compiler and device."""
    optimizer = Adam(params(), engine="triton")
    backward(optimizer)
    optimizer.step()
    assert not [key for key in build._failures if "triton" in key]
