"""Several devices and streams, as far as they can be seen without a GPU."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from thalweg import RMSProp
from thalweg.engine.triton.device import device, function
from thalweg.engine.triton.device.function import Function

from .conftest import DEVICE
from .test_launch import backward, params


def test_a_function_is_loaded_onto_its_own_device(monkeypatch):
    """Triton loads it onto the current one when a launch is first asked for."""
    current, loaded = [], []

    @contextmanager
    def made_current(device):
        current.append(device)
        yield
        current.pop()

    class Handle:
        def __getitem__(self, grid):
            loaded.extend([] if loaded else current or ["another device"])

    monkeypatch.setattr(function, "interprets", lambda: False)
    monkeypatch.setattr(function, "current", made_current)
    second = torch.device("cuda", 1)
    jit = SimpleNamespace(warmup=lambda *_, **__: Handle())
    Function(jit, [torch.float32], {}, 1, second).bound(1)
    assert loaded == [second]


@pytest.mark.skipif(DEVICE.type != "cpu", reason="streams are stood in for")
def test_tables_that_are_made_anew_wait_for_every_stream(monkeypatch):
    waiting, stream = [], "first"
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda table, on: waiting.append((table.data_ptr(), on)))
    monkeypatch.setattr(device, "stream_of", lambda _: stream)
    optimizer = RMSProp(params((64,)), engine="triton")
    (param,) = optimizer.param_groups[0]["params"]
    backward(optimizer)
    optimizer.step()
    stream = "second"
    param.grad = torch.zeros(65)[1:]
    optimizer.step()
    (call,) = optimizer._watch.plan.launches[0].calls
    anew = call.tables.rest.data_ptr()
    assert (anew, "first") not in waiting
    stream = "first"
    optimizer.step()
    assert (anew, "first") in waiting
