"""Kernels on a GPU (THALWEG_TEST_DEVICE=cuda, as `make test-gpu` sets it), else in Triton's interpreter on the CPU."""

import os
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch

NAME = os.environ.get("THALWEG_TEST_DEVICE", "cpu")
DEVICE = torch.device(NAME, 0) if NAME != "cpu" else torch.device("cpu")

if find_spec("triton") is None:
    # There is none for this machine.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def _large_tiles(monkeypatch):
    """Interpret tiles of 16 blocks, or of 8 that are summed: other tests have it that all tiles give the same bits.

    What is interpreted takes as long for many elements as for few.
    """
    if DEVICE.type == "cpu":
        from thalweg.engine.triton.kernels import kernel, settings

        large = settings.Setting(16, 4), settings.Setting(8, 1, settings.SUMMED)
        monkeypatch.setattr(kernel, "setting_of", lambda program, dtypes: large[bool(program.totals)])


@pytest.fixture(autouse=True, scope="session")
def _interpreter_takes_short_cuts():
    """Spare the interpreter what most of its time would go into, and what no test sees.

    It puts its functions in the language's place once a launch, and not in each call within one; and it does not look
    for whole numbers that overflow, as it would tell nobody.
    """
    if DEVICE.type != "cpu":
        yield
        return
    from triton.runtime import interpreter

    builder = interpreter.interpreter_builder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "_patch_lang", once_a_launch(interpreter._patch_lang))
        patch.setattr(builder, "options", replace(builder.options, sanitize_overflow=False))
        yield


def once_a_launch(put_in_place):
    """Call a function for each module of functions once, until what its first call returns is restored."""
    known = set()

    def put(function):
        is_launch = not known
        if (module := id(function.__globals__)) in known:
            return None
        known.add(module)
        scope = put_in_place(function)
        if is_launch:
            restore = scope.restore
            scope.restore = lambda: (known.clear(), restore())
        return scope

    return put
