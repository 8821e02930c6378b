"""Whatever goes wrong while a kernel is built: nothing has changed, and the step is the eager engine's."""

import sys

import pytest
import torch

from thalweg import SGD, Adam
from thalweg.engine.llvm.kernels import kernel
from thalweg.engine.llvm.machine_code import compile as compiler
from thalweg.engine.llvm.machine_code import image, load
from thalweg.engine.plans import build


@pytest.fixture
def _no_kernels(monkeypatch):
    """A process that has built none."""
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(load, "_known", {})
    monkeypatch.setattr(build, "_failures", {})
    monkeypatch.setenv("THALWEG_CACHE", "/dev/null")


def broken(*arguments):
    raise RuntimeError("LLVM has a bad day")


@pytest.fixture(params=[(kernel, "render"), (load, "build"), (image, "Code"), (compiler, "machine")], ids=str)
def _broken_compiler(request, monkeypatch, _no_kernels):
    monkeypatch.setattr(*request.param, broken)


@pytest.mark.usefixtures("_broken_compiler")
def test_the_eager_engine_steps_and_one_warning_says_why(lockstep):
    pair = lockstep(lambda engine: Adam([torch.ones(3), torch.ones(2, 2)], engine=engine))
    with pytest.warns(RuntimeWarning, match="Adam runs on the eager engine, .* LLVM has a bad day"):
        pair.step()
    pair.step()
    pair.each(lambda optimizer: optimizer.load_state_dict(optimizer.state_dict()))
    pair.step()


@pytest.mark.usefixtures("_broken_compiler")
def test_a_warning_made_an_error_leaves_everything_as_it_was():
    param = torch.ones(3)
    optimizer = Adam([param])
    param.grad = torch.ones(3)
    with pytest.raises(RuntimeWarning, match="bad day"):
        optimizer.step()
    assert not optimizer.state
    assert torch.equal(param, torch.ones(3))
    optimizer.step()
    assert optimizer.state[param]["step"] == 1


@pytest.mark.usefixtures("_no_kernels")
def test_kernels_that_can_be_built_run(lockstep, monkeypatch):
    """One formula without a kernel takes no other one with it."""

    def render(program, dtypes):
        return broken() if dict(dtypes)["param"] is torch.float64 else working(program, dtypes)

    working = kernel.render
    monkeypatch.setattr(kernel, "render", render)
    pair = lockstep(lambda engine: SGD([torch.ones(3), torch.ones(3).double()], lr=0.1, engine=engine))
    with pytest.warns(RuntimeWarning, match="bad day"):
        pair.step()
    assert [dict(dtypes)["param"] for _, dtypes in kernel._kernels] == [torch.float32]


@pytest.mark.usefixtures("_no_kernels")
def test_llvm_is_missing(lockstep, monkeypatch):
    monkeypatch.setitem(sys.modules, "thalweg.engine.llvm.kernels.kernel", None)
    pair = lockstep(lambda engine: SGD([torch.ones(3)], lr=0.1, engine=engine))
    with pytest.warns(RuntimeWarning, match="SGD runs on the eager engine"):
        pair.step()
