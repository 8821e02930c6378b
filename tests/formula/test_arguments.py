"""What a class's functions may not take or return, told when the class is made or its first step is taken."""

import pytest
import torch

from thalweg import Optimizer
from thalweg.hyper import NonNegative


async def waiting(self, param, grad):
    return param - grad


def yielding(self, param, grad):
    yield param - grad


def defaulting(self, param, grad, mean=0):
    return param - grad, mean


def counting(self, param, grad, mean: int):
    return param - grad, mean


def quoting(self, param, grad, mean: "int"):
    return param - grad, mean


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        (waiting, r"^Wrong\.update must be a plain function, but is async"),
        (yielding, r"^Wrong\.update must return its values, but yields them: write return in place of yield"),
        (
            defaulting,
            r"^Wrong\.update takes mean=0, but states have no defaults: they begin at 0, or at the number that",
        ),
        (counting, r"^Wrong\.update takes mean: int, but a state is a number for each element: leave the type out"),
        (quoting, r"^Wrong\.update takes mean: 'int', but a state is a number for each element"),
        (property(counting), r"^Wrong\.update must be a function, but is property"),
    ],
)
def test_what_is_no_formula_is_refused_when_the_class_is_made(update, sentence):
    with pytest.raises(TypeError, match=sentence):
        type("Wrong", (Optimizer,), {"__annotations__": {"lr": NonNegative}, "lr": 0.1, "update": update})


@pytest.mark.parametrize(
    ("initial", "sentence"),
    [
        (lambda self, param: 1.0, r"^Wrong\.initial_mean must take \(self\) alone, but takes \(self, param\)"),
        (
            lambda self: torch.zeros(7),
            r"^Wrong\.initial_mean must return one number, .* returned a tensor of shape \(7,\)",
        ),
        (
            lambda self: None,
            r"^Wrong\.initial_mean must return one number, which all elements begin with, but returned N",
        ),
        (3.0, r"^Wrong\.initial_mean must be a method, but is float 3\.0: write def initial_mean\(self\)"),
    ],
    ids=["arguments", "shape", "nothing", "number"],
)
def test_a_first_value_is_one_number(initial, sentence):
    def update(self, param, grad, mean):
        return param - self.lr * mean, mean + grad

    fields = {"__annotations__": {"lr": NonNegative}, "lr": 0.1, "update": update, "initial_mean": initial}
    param = torch.ones(3)
    param.grad = torch.ones(3)
    with pytest.raises(TypeError, match=sentence):
        type("Wrong", (Optimizer,), fields)([param]).step()
    assert torch.equal(param, torch.ones(3))


def test_options_are_fields_and_no_dict():
    class Wrong(Optimizer):
        lr: NonNegative = 0.1
        mode: str = "fast"

        def update(self, param, grad):
            return param - self.lr * grad if self.mode == "fast" else param

    with pytest.raises(
        TypeError, match=r"^Wrong got a dict, as classes of torch\.optim pass their defaults: write each"
    ):
        Wrong([torch.ones(3)], {"lr": 0.1})
    with pytest.raises(TypeError, match=r"^Wrong needs mode to be a str, but got int 3"):
        Wrong([torch.ones(3)], mode=3)
    assert Wrong([torch.ones(3)], mode="slow").mode == "slow"
