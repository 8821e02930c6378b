"""CUDA graphs, as far as they can be seen without a GPU: what a capture is refused, and what it leaves behind.

A step that is "captured" here runs at once; tests/gpu captures and replays.
"""

import pytest
import torch

from thalweg import AdaShift, RMSProp
from thalweg.engine.triton.device import device, transfer
from thalweg.engine.triton.device.function import Bound

from .conftest import DEVICE
from .test_launch import backward, params

pytestmark = pytest.mark.skipif(DEVICE.type != "cpu", reason="a device has real graphs: tests/gpu")


@pytest.fixture
def capture(monkeypatch):
    return lambda on: monkeypatch.setattr(device, "is_capturing", lambda: on)


@pytest.fixture
def optimizer():
    optimizer = RMSProp(params(), engine="triton")
    backward(optimizer)
    return optimizer


def captured_of(optimizer):
    return optimizer._watch.plan.launches[0].mirror.captured


def test_the_first_step_cannot_be_captured(optimizer, capture):
    before = [param.detach().clone() for param in optimizer.param_groups[0]["params"]]
    capture(True)
    with pytest.raises(RuntimeError, match=r"RMSProp.step cannot be captured .* take one, then capture"):
        optimizer.step()
    assert not optimizer.state
    assert all(map(torch.equal, optimizer.param_groups[0]["params"], before))
    capture(False)
    optimizer.step()
    capture(True)
    optimizer.step()


def test_other_options_need_a_step_of_their_own(optimizer, capture):
    optimizer.step()
    capture(True)
    optimizer.param_groups[0]["weight_decay"] = 0.5
    with pytest.raises(RuntimeError, match="with these parameters and options"):
        optimizer.step()


def test_steps_that_differ_cannot(capture):
    optimizer = AdaShift(params((4,)), engine="triton")
    for _ in range(3):
        backward(optimizer)
        optimizer.step()
    (param,) = optimizer.param_groups[0]["params"]
    before = param.detach().clone()
    capture(True)
    with pytest.raises(RuntimeError, match=r"AdaShift cannot be captured .* depends on the step's number"):
        optimizer.step()
    assert torch.equal(param, before)
    assert optimizer.state[param]["step"] == 3


def test_the_eager_engine_cannot_be_captured(optimizer, capture):
    odd = torch.nn.Parameter(torch.ones(3, 2)[:, 0])
    optimizer.add_param_group({"params": [odd]})
    odd.grad = torch.ones(3)
    optimizer.step()
    optimizer.step()
    capture(True)
    before = odd.detach().clone()
    with pytest.raises(RuntimeError, match=r"as parameter 0 of group 1 .* is updated by the eager engine"):
        optimizer.step()
    assert torch.equal(odd, before)


def test_what_a_graph_copies_from_is_never_written_again(optimizer, capture):
    optimizer.step()
    capture(True)
    optimizer.step()
    (stage,) = captured_of(optimizer)
    kept = stage.values.copy()
    capture(False)
    for _ in range(2 * transfer.STAGES):
        backward(optimizer)
        optimizer.step()
    assert (stage.values == kept).all()
    assert len(optimizer._watch.plan.launches[0].mirror.stages) == transfer.STAGES


def test_a_step_after_a_replay_sends_its_own_values(optimizer, capture, counted):
    """A replay has put back the graph's."""
    optimizer.step()
    capture(True)
    optimizer.step()
    capture(False)
    sent = counted(transfer.Stage, "copy")
    optimizer.step()
    assert len(sent) == 1


def test_replays_are_counted(capture, monkeypatch):
    """The launches of a captured step add to counts on the device, and so do their replays."""
    optimizer = RMSProp(params(), engine="triton", max_grad_norm=1e-3, skip_nonfinite=True)
    backward(optimizer)
    optimizer.step()
    captured, launch = [], Bound.__call__
    capture(True)
    with monkeypatch.context() as patch:
        patch.setattr(Bound, "__call__", lambda bound, flag: (captured.append((bound, flag)), launch(bound, flag)))
        optimizer.step()
    capture(False)

    def replay():
        for bound, flag in captured:
            launch(bound, flag)

    replay()
    assert (optimizer.metrics["clipped"], optimizer.metrics["skipped"]) == (3, 0)
    before = [param.detach().clone() for param in optimizer.param_groups[0]["params"]]
    optimizer.param_groups[0]["params"][-1].grad.fill_(torch.nan)
    replay()
    assert (optimizer.metrics["clipped"], optimizer.metrics["skipped"]) == (3, 1)
    assert all(map(torch.equal, optimizer.param_groups[0]["params"], before))


def test_more_captures_than_there_is_memory_for(optimizer, capture):
    optimizer.step()
    capture(True)
    for _ in range(transfer.STAGES):
        optimizer.step()
    with pytest.raises(RuntimeError, match=r"8 steps at most .* take a step before capturing more"):
        optimizer.step()
    capture(False)
    optimizer.step()
    capture(True)
    optimizer.step()
