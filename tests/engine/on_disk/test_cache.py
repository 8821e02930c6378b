"""Compiled code on disk: found again by other processes, and never a reason to fail."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from thalweg import SGD, Adam, RProp
from thalweg.engine.llvm.kernels import kernel
from thalweg.engine.llvm.machine_code import compile as compiler
from thalweg.engine.llvm.machine_code import load
from thalweg.engine.on_disk import cache
from thalweg.engine.plans import build


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    return tmp_path


def step_with_some():
    """Let some optimizers step, twice."""
    for cls in (SGD, Adam, RProp):
        param = torch.ones(100_000)
        optimizer = cls([param], lr=0.1)
        for _ in range(2):
            param.grad = torch.ones(100_000)
            optimizer.step()


def step_without_a_compiler():
    """Let them step from what is on disk."""
    compiler.optimized = None
    step_with_some()


@pytest.mark.slow
def test_a_new_process_compiles_nothing(place, apart):
    apart(step_with_some)
    apart(step_without_a_compiler)


@pytest.mark.slow
def test_processes_write_at_once(place, apart):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(apart, [step_with_some] * 2))
    assert not list(place.glob(".*"))
    apart(step_without_a_compiler)


def test_what_is_kept_is_not_made_again(place):
    assert cache.remembered("a key", lambda: b"made") == b"made"
    assert cache.remembered("a key", pytest.fail) == b"made"
    assert cache.remembered("another", lambda: b"made too") == b"made too"


DAMAGES = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[:-1],
    "cut in its head": lambda data: data[:20],
    "longer": lambda data: data + b"\0",
    "one bit turned": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "another version": lambda data: data.replace(b"kernel 2", b"kernel 1"),
    "foreign": lambda data: b"#!/bin/sh\n",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew(damage, place):
    cache.remembered("a key", lambda: b"made")
    (file,) = place.iterdir()
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert cache.remembered("a key", lambda: b"made anew") == b"made anew"
    assert cache.remembered("a key", pytest.fail) == b"made anew"


def test_content_belongs_to_its_key(place):
    """Of two files that were exchanged neither is believed, though both are whole."""
    cache.remembered("a key", lambda: b"made")
    (one,) = place.iterdir()
    cache.remembered("another", lambda: b"made too")
    (other,) = set(place.iterdir()) - {one}
    one.rename(place / "aside")
    other.rename(one)
    (place / "aside").rename(other)
    assert cache.remembered("a key", lambda: b"made anew") == b"made anew"
    assert cache.remembered("another", lambda: b"made anew too") == b"made anew too"


def test_whole_code_that_does_not_link_is_left(place, lockstep, monkeypatch):
    """Even a file that is whole by its checksum may be no code: the step is made all the same."""
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(load, "_known", {})
    monkeypatch.setattr(build, "_failures", {})
    monkeypatch.setattr(load, "build", lambda text, names: load.OBJECT + b"no code")
    pair = lockstep(lambda engine: SGD([torch.ones(3)], lr=0.1, engine=engine))
    with pytest.warns(RuntimeWarning, match="SGD runs on the eager engine"):
        pair.step()


def nowhere(tmp_path):
    """Name a directory that cannot be made."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "cache"


@pytest.mark.slow
@pytest.mark.parametrize("where", [nowhere, lambda path: nowhere(path).parent], ids=["in a file", "a file"])
def test_a_directory_that_cannot_be_written(where, tmp_path, monkeypatch, apart):
    monkeypatch.setenv("THALWEG_CACHE", str(where(tmp_path)))
    apart(step_with_some)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nobody_is_at_home(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("THALWEG_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert cache.remembered("a key", lambda: b"made") == b"made"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"THALWEG_CACHE": "/there"}, "/there"),
        ("linux", {"THALWEG_CACHE": ""}, "/home/me/.cache/thalweg"),
        ("linux", {}, "/home/me/.cache/thalweg"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/thalweg"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "/home/me/.cache/thalweg"),
        ("linux", {"THALWEG_CACHE": "here"}, f"{Path.cwd()}/here"),
        ("darwin", {}, "/home/me/Library/Caches/thalweg"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/thalweg"),
        ("win32", {}, "/home/me/AppData/Local/thalweg"),
    ],
)
def test_each_platform_has_a_place_for_caches(platform, variables, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    for name in ("THALWEG_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache.directory() == Path(expected)
