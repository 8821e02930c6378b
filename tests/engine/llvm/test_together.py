"""The kernels of a step are compiled as one module, in which functions that say the same stand once."""

import pytest
import torch

from thalweg import CAME, RACS, Adam
from thalweg.engine.llvm.kernels import kernel
from thalweg.engine.llvm.machine_code import compile as compiler
from thalweg.engine.llvm.machine_code import load
from thalweg.engine.llvm.machine_code.together import together

FIRST = "define internal i32 @part(i32 %x) {\n  ret i32 %x\n}\n"
OTHER = "define internal i32 @part(i32 %x) {\n  ret i32 0\n}\n"
CALL = "define i32 @step(i32 %x) {\n  %y = call i32 @part(i32 %x)\n  ret i32 %y\n}\n"


def stepped(rule, monkeypatch, folder):
    """Take three steps with code that nobody has compiled before; return the parameter."""
    monkeypatch.setenv("THALWEG_CACHE", str(folder))
    monkeypatch.setattr(kernel, "_kernels", {})
    monkeypatch.setattr(load, "_known", {})
    param = torch.linspace(-1, 1, 9 * 17).view(9, 17)
    optimizer = rule([param])
    for power in range(1, 4):
        param.grad = param**power
        optimizer.step()
    return param


@pytest.mark.parametrize("rule", [RACS, CAME, Adam])
def test_kernels_that_are_compiled_together_do_what_each_does_alone(rule, monkeypatch, tmp_path):
    texts, compiled = [], compiler.compiled
    monkeypatch.setattr(compiler, "compiled", lambda text, *more: texts.append(text) or compiled(text, *more))
    one = stepped(rule, monkeypatch, tmp_path / "together")
    assert sum("@prepare" in text for text in texts) == 1
    built = load._built
    monkeypatch.setattr(load, "_built", lambda texts, names: {text: built([text], names)[text] for text in texts})
    assert torch.equal(one, stepped(rule, monkeypatch, tmp_path / "alone"))
    again = len(texts)
    assert torch.equal(one, stepped(rule, monkeypatch, tmp_path / "together"))
    assert len(texts) == again


def test_functions_are_one_if_they_and_all_that_they_call_say_the_same():
    joined, (first, same, other) = together([FIRST + CALL, CALL + FIRST, OTHER + CALL])
    assert first == same
    assert first["part"] != other["part"]
    assert first["step"] != other["step"]
    assert joined.count("define") == 4


def test_what_cannot_be_compiled_together_is_compiled_alone(monkeypatch, tmp_path):
    def refused(*_):
        raise ValueError("no")

    monkeypatch.setattr(load, "together", refused)
    one = stepped(RACS, monkeypatch, tmp_path)
    monkeypatch.undo()
    assert torch.equal(one, stepped(RACS, monkeypatch, tmp_path / "other"))
