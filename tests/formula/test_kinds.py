"""What is said of the digits of float32, in any precision; what meets bits; and words that get no elements."""

import pytest
import torch

from thalweg import Optimizer
from thalweg.formula import (
    atan2,
    bfloat16,
    bits,
    float16,
    from_bits,
    integer,
    polar,
    row_mean,
    sqrt,
    total,
    total_square,
    where,
)
from thalweg.hyper import NonNegative

FORMULAS = {
    "rounded to bfloat16": lambda self, p, g: p - bfloat16(g),
    "rounded to float16": lambda self, p, g: p - float16(2.0**-15 * g),
    "a rounded rate": lambda self, p, g: p - bfloat16(self.lr) * g - float16(self.lr) * p,
    "a rounded sum": lambda self, p, g: p - bfloat16(total(g)) * g,
    "rounded means": lambda self, p, g: p - float16(row_mean(g)) * g,
    "bits and back": lambda self, p, g: p - from_bits(bits(g) & -65536),
    "bits of a number": lambda self, p, g: p - from_bits(bits(self.lr) & -65536) * g,
    "bits of lines": lambda self, p, g: p - from_bits(bits(row_mean(g)) ^ (bits(g) & 255)),
    "a choice made already": lambda self, p, g: where(True, p - g, p),
    "a function of constants": lambda self, p, g: p - atan2(self.lr, 1) * g,
}


def of(body):
    """Define an optimizer of one formula."""

    def update(self, param, grad):
        return body(self, param, grad)

    return type("Kinds", (Optimizer,), {"__annotations__": {"lr": NonNegative}, "lr": 0.1, "update": update})


@pytest.mark.parametrize("engine", ["llvm", "triton"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")  # in Triton 3.6's interpreter
@pytest.mark.filterwarnings("error")
def test_engines_agree(name, dtype, engine):
    """A kernel is built for each, as a warning would tell otherwise."""
    cls = of(FORMULAS[name])

    def stepped(engine):
        torch.manual_seed(0)
        param = torch.randn(20, 30).to(dtype)
        optimizer = cls([param], engine=engine)
        for _ in range(2):
            param.grad = torch.randn(20, 30).to(dtype)
            optimizer.step()
        return param

    # Where a sum takes part, its last bits are those of the order that it is taken in.
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype is torch.float64 else {}
    torch.testing.assert_close(stepped(engine), stepped("eager"), **close)


def test_they_round_numbers_of_float64_as_torch_does():
    """By way of float32: 1 + 2^-8 + 2^-40 is the tie 1 + 2^-8 there, which goes to 1."""
    numbers = torch.tensor([1 + 2**-8 + 2**-40, 1 + 3 * 2**-8, 2**-140, 3e38, torch.nan], dtype=torch.float64)
    param = torch.zeros(5, dtype=torch.float64)
    param.grad = numbers
    of(lambda self, p, g: p + bfloat16(g))([param]).step()
    torch.testing.assert_close(param, numbers.to(torch.bfloat16).double(), rtol=0, atol=0, equal_nan=True)


MISTAKES = {
    "total": (lambda self, p, g: total(0.3) * p, "total sums over the elements of a parameter, but got a number"),
    "None": (lambda self, p, g: total_square(None) * p, "total_square sums over the elements of a parameter, but got"),
    "matrix of conditions": (lambda self, p, g: p - polar(g > 0), "polar is for numbers, but got a condition"),
    "bits by a number": (
        lambda self, p, g: p - bits(g) * 1.0,
        "bits meet bits and whole numbers alone, but got anothe",
    ),
    "bits by an element": (lambda self, p, g: p - integer(g) * g, "bits meet bits and whole numbers alone, but got an"),
    "bits of bits": (lambda self, p, g: p - bits(bits(g)), "bits stand where a number or a condition has to"),
    "root of bits": (lambda self, p, g: p - sqrt(bits(g)), "bits stand where a number or a condition has to"),
    "order of bits": (lambda self, p, g: where(bits(g) > 3, p, g), "bits stand where a number or a condition has to"),
    "a sum of bits": (lambda self, p, g: p - total(bits(g)), "bits stand where a number or a condition has to"),
    "a mean of bits": (lambda self, p, g: p - row_mean(bits(g)), "bits stand where a number or a condition has to"),
    "bits returned": (lambda self, p, g: bits(p), "bits stand where a number or a condition has to"),
    "choice by bits": (
        lambda self, p, g: where(bits(g), bits(g), 3),
        "bits stand where a number or a condition has to",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_does_not_go_together_is_told(name):
    body, sentence = MISTAKES[name]
    param = torch.ones(3, 3)
    param.grad = torch.ones(3, 3)
    optimizer = of(body)([param])
    with pytest.raises(TypeError, match=r"^Kinds\.update, (line|what it returns for 'param')") as caught:
        optimizer.step()
    assert sentence in str(caught.value)
    assert torch.equal(param, torch.ones(3, 3))
