"""Blocks and warps by a table that is measured once and kept; sources in files; launches that fail."""

import inspect
import json

import pytest
import torch

from thalweg import RMSProp
from thalweg.engine.triton import kernel, source, tuning
from thalweg.engine.triton.tuning import CANDIDATES, USUAL, Setting, best

from .test_launch import backward, params


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))


def measured(calls, fastest):
    def seconds(setting):
        calls.append(setting)
        return abs(CANDIDATES.index(setting) - CANDIDATES.index(fastest))

    return seconds


def test_a_device_is_measured_once_and_each_width_by_itself():
    calls = []
    for _ in range(2):
        assert best("GPU A", 28, measured(calls, CANDIDATES[3])) == CANDIDATES[3]
    assert calls == list(CANDIDATES)
    assert best("GPU A", 14, measured(calls, CANDIDATES[0])) == CANDIDATES[0]
    assert best("GPU B", 28, measured(calls, CANDIDATES[1])) == CANDIDATES[1]
    assert best("GPU A", 28, measured(calls, CANDIDATES[5])) == CANDIDATES[3]
    assert len(calls) == 3 * len(CANDIDATES)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"GPU A, 28 bytes an element": 7}'])
def test_a_damaged_table_is_measured_anew(tmp_path, content):
    (tmp_path / "tuning.json").write_text(content)
    assert best("GPU A", 28, measured([], CANDIDATES[2])) == CANDIDATES[2]
    assert json.loads((tmp_path / "tuning.json").read_text())


def test_a_setting_that_is_no_candidate_is_not_believed(tmp_path):
    (tmp_path / "tuning.json").write_text('{"GPU A, 28 bytes an element": {"block": 3, "warps": 4}}')
    assert best("GPU A", 28, measured([], CANDIDATES[2])) == CANDIDATES[2]


def test_where_nothing_can_be_measured_the_usual_setting_serves(tmp_path):
    def fails(setting):
        raise torch.OutOfMemoryError("no memory")

    assert best("GPU A", 28, fails) == USUAL
    assert not (tmp_path / "tuning.json").exists()


@pytest.mark.parametrize("setting", [Setting(256, 1), *CANDIDATES], ids=str)
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
    tuning.write({})


def test_a_launch_that_fails_says_where_and_changes_nothing(monkeypatch):
    optimizer = RMSProp(params((3,)), engine="triton")
    backward(optimizer)
    optimizer.step()
    param = optimizer.param_groups[0]["params"][0]
    before = param.detach().clone()

    def closed(*arguments):
        raise RuntimeError("context is destroyed")

    with monkeypatch.context() as patch:
        patch.setattr(kernel.Kernel, "run", closed)
        with pytest.raises(
            RuntimeError, match=r"RMSProp could not launch .*context is destroyed.*start the process anew"
        ):
            optimizer.step()
    assert torch.equal(param, before)
    optimizer.step()
    assert optimizer.state[param]["step"] == 2
