"""Triton is missing, too old, or not for this device: the eager engine steps, one warning and explain() say why."""

import sys
import warnings
from types import ModuleType

import pytest
import torch

from thalweg import SGD, Adam
from thalweg.engine.plans import build
from thalweg.engine.triton import available
from thalweg.engine.triton.kernels import kernel

from .conftest import DEVICE


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(build, "_told", set())
    monkeypatch.setattr(build, "_failures", {})
    monkeypatch.setattr(kernel, "_kernels", {})
    for known in (available.why_not, available.interprets):
        known.cache_clear()
    yield
    monkeypatch.undo()
    for known in (available.why_not, available.interprets):
        known.cache_clear()


def missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    return "Triton is missing .*: pip install triton"


def a_folder(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", ModuleType("triton"))
    return "Triton is missing .*__version__.*: pip install triton"


def old(monkeypatch):
    monkeypatch.setattr("triton.__version__", "2.1.0")
    return "Triton 2.1.0 is too old: install 3.6 or newer"


def for_no_cpu(monkeypatch):
    monkeypatch.setattr(available, "interprets", lambda: False)
    return "engine='triton' has no kernels for cpu"


@pytest.mark.parametrize("fault", [missing, a_folder, old, for_no_cpu])
def test_the_eager_engine_steps_and_one_warning_says_why(lockstep, monkeypatch, fault):
    says = fault(monkeypatch)
    pair = lockstep(
        lambda engine: Adam([torch.ones(3), torch.ones(2)], engine="triton" if engine == "auto" else engine)
    )
    with pytest.warns(RuntimeWarning, match=f"Adam runs on the eager engine, as {says}"):
        pair.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair.step()
        SGD(pair.pair[0].param_groups[0]["params"], 0.1, engine="triton").step()
    assert says.partition(" .*")[0] in pair.pair[0].explain()


def test_a_kernel_that_cannot_be_built(lockstep, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("Triton has a bad day:\n" + 99 * "here is a line\n" + "^ and here it stops")

    monkeypatch.setattr(kernel, "render", broken)
    pair = lockstep(
        lambda engine: Adam([torch.ones(3, device=DEVICE)], engine="triton" if engine == "auto" else engine)
    )
    with pytest.warns(
        RuntimeWarning, match="Adam runs on the eager engine, .* Triton has a bad day: .* here it stops"
    ) as said:
        pair.step()
    assert "\n" not in str(said[0].message)
    assert len(str(said[0].message)) < 300
    pair.step()


@pytest.mark.parametrize("failing_step", [0, 2])
def test_a_kernel_for_other_addresses_that_cannot_be_built(monkeypatch, failing_step):
    """The float32 parameter's launch comes first: it was taken, and the step failed at the other one."""
    update = kernel.Kernel._update

    def broken(self, is_aligned):
        if not is_aligned:
            raise RuntimeError("Triton has\na bad day")
        return update(self, is_aligned)

    monkeypatch.setattr(kernel.Kernel, "_update", broken)
    params = [torch.ones(256, dtype=dtype, device=DEVICE) for dtype in (torch.float32, torch.float64)]
    expected = [param.clone() for param in params]
    optimizers = Adam(params, engine="triton"), Adam(expected, engine="eager")
    for step in range(4):
        memory = torch.arange(257, dtype=torch.float64, device=DEVICE)
        grads = torch.ones(256, device=DEVICE), memory[1:] if step >= failing_step else memory[:-1]
        for param, other, grad in zip(params, expected, grads, strict=True):
            param.grad = other.grad = grad
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            optimizers[0].step()
        optimizers[1].step()
        told = ["Adam runs on the eager engine, as no kernel could be built: Triton has a bad day"]
        assert [str(item.message) for item in said] == told * (step == failing_step)
        assert all(item.filename == __file__ for item in said)
        for param, other in zip(params, expected, strict=True):
            # torch's own operations, which the eager engine calls, may be fused: a unit in the last place each.
            torch.testing.assert_close(param, other)
    assert "Triton" in optimizers[0].explain()
    assert "on the eager engine, because no kernel could be built" in optimizers[0].explain()


def test_llvm_is_for_the_cpu():
    param = torch.ones(3, device="meta")
    assert "engine='llvm' has no kernels for meta" in Adam([param], engine="llvm").explain()
