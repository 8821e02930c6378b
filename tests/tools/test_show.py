"""`thalweg show`: each language says what it should, and what cannot be said is refused in a sentence."""

import pytest
from typer.testing import CliRunner

from thalweg.tools.commands import app


def show(*arguments):
    return CliRunner().invoke(app, ["show", *arguments])


@pytest.mark.parametrize(
    ("language", "says"),
    [("--llvm", "define internal void @elements"), ("--asm", "ret"), ("--triton", "@triton.jit")],
)
def test_a_kernel_in_a_language(language, says):
    done = show("adam:amsgrad=true", language)
    assert done.exit_code == 0
    assert says in done.output
    assert "max_exp_avg_sq" in done.output or language == "--asm"


def test_one_language_at_a_time():
    done = show("adam", "--llvm", "--triton")
    assert done.exit_code == 2
    assert "choose one" in done.output


def test_a_compiler_that_is_missing(monkeypatch):
    monkeypatch.setattr("thalweg.engine.triton.available.why_not", lambda: "Triton is missing: pip install triton")
    done = show("adam", "--ptx")
    assert done.exit_code == 2
    assert "pip install triton" in done.output
