"""Settings give the same numbers; sources stand in files; launches that fail change nothing."""

import inspect

import pytest
import torch

from thalweg import RMSProp
from thalweg.engine.triton.kernels import kernel, source
from thalweg.engine.triton.kernels.settings import USUAL, Setting

from .test_launch import backward, params


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))


@pytest.mark.parametrize("setting", [Setting(1, 1, 2048), Setting(2, 2, 1024), USUAL], ids=str)
def test_every_setting_gives_the_same_numbers(setting, monkeypatch):
    def trained():
        torch.manual_seed(0)
        optimizer = RMSProp(params((4099,), (8,), (5000,)), engine="triton", state_dtype="8bit")
        for _ in range(2):
            backward(optimizer)
            optimizer.step()
        return optimizer.param_groups[0]["params"]

    wanted = trained()
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(kernel, "setting_of", lambda *_: setting)
    assert all(map(torch.equal, trained(), wanted))


def test_the_source_stands_in_a_file_and_is_not_written_twice(tmp_path):
    text = "def f():\n    return 7\n"
    module = source.imported(text, "example")
    (path,) = (tmp_path / "triton").iterdir()
    assert (path.read_text(), inspect.getsource(module.f), module.f()) == (text, text, 7)
    before = path.stat().st_mtime_ns
    source.imported(text, "example")
    assert path.stat().st_mtime_ns == before
    path.write_text("def f():\n    return 'somebody else was here'\n")
    assert source.imported(text, "example").f() == 7


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", "/dev/null")
    assert source.imported("def f():\n    return 8\n", "example").f() == 8


def test_a_launch_that_fails_says_where_and_changes_nothing(monkeypatch):
    optimizer = RMSProp(params((3,)), engine="triton")
    backward(optimizer)
    optimizer.step()
    param = optimizer.param_groups[0]["params"][0]
    before = param.detach().clone()

    def closed(*arguments):
        raise RuntimeError("context is destroyed")

    with monkeypatch.context() as patch:
        patch.setattr(optimizer._watch.plan.launches[0].calls[0], "updates", [[closed], [closed]])
        with pytest.raises(
            RuntimeError, match=r"RMSProp could not launch .*context is destroyed.*load the last checkpoint"
        ):
            optimizer.step()
    assert torch.equal(param, before)
    optimizer.step()
    assert optimizer.state[param]["step"] == 2
