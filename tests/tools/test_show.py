"""`thalweg show`: each language says what it should, and what cannot be said is refused in a sentence."""

import pytest
from rich.console import Console
from typer.testing import CliRunner

from thalweg import Optimizer
from thalweg.tools.commands import app
from thalweg.tools.showing.show import show as print_formula


def show(*arguments):
    return CliRunner().invoke(app, ["show", *arguments])


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("--llvm", "define internal void @elements"),
        ("--asm", "ret"),
        ("--triton", "@triton.jit"),
        ("--js", "const Adam = {"),
    ],
)
def test_a_kernel_in_a_language(language, says):
    done = show("adam:amsgrad=true", language)
    assert done.exit_code == 0
    assert says in done.output
    assert "max_exp_avg_sq" in done.output or language == "--asm"


def test_what_has_no_bits_to_promise_is_not_printed():
    done = show("muon", "--js")
    assert done.exit_code == 2
    assert (
        "Muon has no JavaScript with the kernel's bits: its formula calls a function of whole matrices" in done.output
    )


def test_one_language_at_a_time():
    done = show("adam", "--llvm", "--triton")
    assert done.exit_code == 2
    assert "choose one" in done.output


def test_a_compiler_that_is_missing(monkeypatch):
    monkeypatch.setattr("thalweg.engine.triton.available.why_not", lambda: "Triton is missing: pip install triton")
    done = show("adam", "--ptx")
    assert done.exit_code == 2
    assert "pip install triton" in done.output


def test_a_class_that_was_typed_in_has_no_text_to_show(capsys, monkeypatch):
    """As in a notebook, or through exec: the rest is shown all the same."""
    space = {"Optimizer": Optimizer}
    exec(
        "class Typed(Optimizer):\n    lr: float = 0.1\n\n    def update(self, param, grad):\n        "
        "return param - self.lr * grad\n",
        space,
    )
    print_formula(space["Typed"], Console())
    assert r"\theta_t = \theta_{t-1} - \gamma \, g_t" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adam", "Kept: 8 bytes an element, and for each parameter step."),
        ("sm3", "Kept: 0 bytes an element, row_cover for each row, column_cover for each column, and"),
        (
            "soap",
            "Kept: 8 bytes an element, products_left and basis_left as square matrices of the rows, products_right",
        ),
    ],
)
def test_what_rows_and_sides_keep_is_not_counted_as_elements(name, said):
    """It said that SM3 keeps 24 bytes an element."""
    assert said in show(name).output


def test_lines_of_a_formula_stay_whole():
    """So that they can be copied from a narrow terminal."""
    assert "exp_avg, exp_avg_sq, max_exp_avg_sq\n" in show("adam").output
