"""Errors name the function that was called, its arguments and options, and not the optimizer within."""

import pytest
import torch

from thalweg.optimizers.closure import curve_fit, least_squares, minimize

T = torch.linspace(0, 4, 12, dtype=torch.float64)
START = torch.tensor([3.0, 2.0], dtype=torch.float64)
CROSSED = (torch.full((2,), 3.0), torch.zeros(2))


def decay(t, a, b):
    return a * torch.exp(-b * t)


def square(x):
    return (x - 1).square().sum()


def shifted(x):
    return x - 1


def of_both(x):
    return square(x["a"]) + square(x["b"])


BOTH = {"a": START, "b": START}
FIT = "curve_fit needs "
SEARCH = "minimize(method='lbfgs') needs "


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: curve_fit(decay, T, T, bounds=CROSSED), FIT + "low <= high in the bounds of p0"),
        (lambda: curve_fit(decay, T, T, START, x_scale=[1, 2, 3]), FIT + "the x_scale of p0 to have its shape (2,)"),
        (lambda: curve_fit(decay, T, T, maxfev=-1), FIT + "maxfev to be at least 1"),
        (lambda: curve_fit(decay, T, T, loss="square"), FIT + "loss to be one of"),
        (lambda: curve_fit(decay, T, T, gain=1), "curve_fit has no option 'gain'"),
        (
            lambda: curve_fit(decay, T, torch.stack([T, T]), batched=True, gain=1),
            "curve_fit(batched=True) has no option",
        ),
        (lambda: curve_fit(lambda t, a, b: t, T, T), "curve_fit got values of f through which no parameter"),
        (lambda: least_squares(shifted, START, bounds=CROSSED), "least_squares needs low <= high in the bounds of x0"),
        (lambda: least_squares(shifted, START, ftol=-1), "Invalid ftol value: -1, but least_squares needs ftol"),
        (lambda: minimize(square, START, bounds=(0, torch.zeros(3))), SEARCH + "the high bound of x0"),
        (lambda: minimize(of_both, BOTH, bounds={"b": (3, 2)}), SEARCH + "low <= high in the bounds of x0['b']"),
        (lambda: minimize(square, START, options={"maxiter": -1}), SEARCH + "maxiter to be at least 1"),
        (
            lambda: minimize(square, START, "bfgs", history_size=5),
            "minimize(method='bfgs') has no option 'history_size'",
        ),
    ],
    ids=range(13),
)
def test_sentence(call, sentence):
    with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
        call()
    assert str(caught.value).startswith(sentence)


def test_parameters_of_a_module_have_their_names():
    model = torch.nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"in the bounds of bias, but 1 of 1 are crossed"):
        minimize(lambda model: model.weight.sum(), model, bounds=[None, (3, 2)])


def test_the_users_own_errors_stay_as_they_are():
    def strange(t, a, b):
        raise ValueError("x0 has no residuals")

    with pytest.raises(ValueError, match=r"^x0 has no residuals$"):
        curve_fit(strange, T, T)
