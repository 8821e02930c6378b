"""Machine code as a block of bytes: it does what LLVM's own linker makes of the same object, and needs no LLVM."""

import struct
import sys

import llvmlite.binding as llvm
import pytest
import torch

from thalweg import Adam
from thalweg.engine.llvm.kernels import kernel
from thalweg.engine.llvm.kernels.render import render
from thalweg.engine.llvm.machine_code import image, load

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
    monkeypatch.setattr(load, "_known", {})
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    built = []
    link = load.build
    monkeypatch.setattr(load, "build", lambda *arguments: built.append(link(*arguments)) or built[-1])
    assert torch.equal(stepped(), block)
    assert [code.startswith(load.OBJECT) for code in built] == [True]


@pytest.mark.parametrize("code", [b"", b"\x7fELF\x01" + bytes(60), b"\xcf\xfa\xed\xfe" + bytes(60)], ids=str)
def test_what_is_no_object_of_this_kind_is_refused(code):
    with pytest.raises(ValueError, match="no ELF object for x86-64 or aarch64"):
        image.image(code, ["step"])


def test_code_that_needs_something_from_outside_is_refused():
    from thalweg.engine.llvm.machine_code.compile import compiled

    text = "declare void @outside()\ndefine void @step() {\n  call void @outside()\n  ret void\n}\n"
    with pytest.raises(ValueError, match="the code refers to outside"):
        image.image(compiled(text), ["step"])


def object_for(processor, text):
    """Compile for any processor, whatever this one is."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(f"{processor}-unknown-linux-gnu")
    cpu = PROCESSORS[processor]
    return target.create_target_machine(cpu, opt=3, reloc="pic", codemodel="small").emit_object(
        llvm.parse_assembly(text)
    )


PROCESSORS = {"x86_64": "x86-64-v3", "aarch64": "generic"}
"""Each with a CPU of its kind: older ones of x86-64 call functions for narrow numbers, and LLVM links those."""

FORMATS = [{}, {"state_dtype": "8bit"}, {"state_dtype": "4bit"}, {"rounding": "stochastic"}, {"ema_decay": 0.9}]


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("options", FORMATS, ids=str)
def test_every_processors_kernels_become_blocks(processor, options, monkeypatch):
    """No kind of relocation is met that is not known: what was compiled here is compiled for the other one, too."""
    texts = []
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(kernel, "render", lambda *given: texts.append(render(*given)) or texts[-1])
    dtype = torch.bfloat16 if "rounding" in options else torch.float32
    param = torch.ones(64, 300, dtype=dtype)
    param.grad = torch.ones_like(param)
    Adam([param], amsgrad=True, weight_decay=0.1, **options).step()
    assert texts
    for text in texts:
        image.image(object_for(processor, text), ("step", "prepare", "work", "finish"))


CONSTANTS = """
@numbers = internal constant [3000 x double] [double 1.0, {}]
define double @far(i64 %at) {{
  %place = getelementptr [3000 x double], ptr @numbers, i64 0, i64 %at
  %number = load double, ptr %place
  ret double %number
}}
define double @near() {{
  %number = load double, ptr getelementptr ([3000 x double], ptr @numbers, i64 0, i64 2000)
  ret double %number
}}
"""


def addresses(block, start):
    """Follow what `adrp` and the instruction after it refer to, as an aarch64 processor does."""
    words = struct.unpack(f"<{len(block) // 4}I", block[: len(block) // 4 * 4])
    for place, word in enumerate(words):
        if word & 0x9F000000 == 0x90000000 and place * 4 >= start:
            pages = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
            pages -= (pages & 1 << 20) << 1
            register = word & 31
            user = next(each for each in words[place + 1 :] if each >> 5 & 31 == register)
            size = 8 if user >> 22 == 0x3F5 else 1  # `ldr d` counts in words of 8 bytes, `add` in bytes
            yield (place * 4 // 4096 + pages) * 4096 + (user >> 10 & 0xFFF) * size


def test_on_aarch64_addresses_are_what_the_instructions_make_of_them():
    """By the processor's manual, since most machines that run this are others; constants lie pages away."""
    numbers = ", ".join(f"double {float(n)}" for n in range(2, 3001))
    code = image.image(object_for("aarch64", CONSTANTS.format(numbers)), ["far", "near"])
    _, block = code[:16], code[16:]
    found = [struct.unpack_from("<d", block, address)[0] for address in addresses(block, 0)]
    assert found == [1.0, 2001.0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere LLVM links")
def test_a_warm_start_loads_no_llvm(apart, tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    with pytest.raises(AssertionError, match=r"line 6, in <module>\nAssertionError"):
        apart(exec, WARM)
    apart(exec, WARM)
