"""Machine code as a block of bytes: it does what LLVM's own linker makes of the same object, and needs no LLVM."""

import subprocess
import sys

import pytest
import torch

from thalweg import Adam
from thalweg.engine.llvm import image, kernel, load

WARM = """
import sys, torch, thalweg
param = torch.ones(3)
param.grad = torch.ones(3)
thalweg.Adam([param]).step()
assert "llvmlite.binding" not in sys.modules
"""


def stepped():
    torch.manual_seed(0)
    param = torch.randn(1000)
    optimizer = Adam([param], weight_decay=0.1, amsgrad=True)
    for _ in range(3):
        param.grad = torch.randn(1000)
        optimizer.step()
    return param


def test_a_block_does_what_the_linked_object_does(monkeypatch, tmp_path):
    block = stepped()

    def refuse(code, names):
        raise ValueError("no block")

    monkeypatch.setattr(image, "image", refuse)
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    built = []
    link = load.build
    monkeypatch.setattr(load, "build", lambda *arguments: built.append(link(*arguments)) or built[-1])
    assert torch.equal(stepped(), block)
    assert [code.startswith(load.OBJECT) for code in built] == [True]


@pytest.mark.parametrize("code", [b"", b"\x7fELF\x01" + bytes(60), b"\xcf\xfa\xed\xfe" + bytes(60)], ids=str)
def test_what_is_no_object_of_this_kind_is_refused(code):
    with pytest.raises(ValueError, match="no x86-64 ELF object"):
        image.image(code, ["step"])


def test_code_that_needs_something_from_outside_is_refused():
    from thalweg.engine.llvm.compile import compiled

    text = "declare void @outside()\ndefine void @step() {\n  call void @outside()\n  ret void\n}\n"
    with pytest.raises(ValueError, match="the code refers to outside"):
        image.image(compiled(text), ["step"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere LLVM links")
def test_a_warm_start_loads_no_llvm(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    cold = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True, check=False)
    assert "AssertionError" in cold.stderr
    subprocess.run([sys.executable, "-c", WARM], check=True)
