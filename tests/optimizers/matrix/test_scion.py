"""Scion against its paper's table of balls."""

import pytest
import torch
from torch import nn

import thalweg

from ...papers.scion import scion
from .beside import compare, walked

TUNED = {"lr": 0.1, "momentum": 0.8, "eps": 0.0}
NORMS = ("spectral", "sign", "column", "row", "embedding", "rms")


@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("more", [{}, {"constrained": True, "scale": 3.0}], ids=str)
def test_the_papers_balls(norm, more, engine):
    # what is made orthogonal is float32 beside float64
    tolerance = 1e-6 if norm == "spectral" else 1e-12
    options = TUNED | {"norm": norm, "engine": engine} | more
    compare(thalweg.Scion, scion, (6, 4), options, steps=6, tolerance=tolerance)


@pytest.mark.usefixtures("_exact")
def test_auto_is_spectral_for_matrices_and_rms_for_vectors():
    compare(thalweg.Scion, scion, (4, 6), TUNED, steps=4, tolerance=1e-6)
    compare(thalweg.Scion, scion, (4, 3, 2, 2), TUNED, steps=4, tolerance=1e-6, inputs=3)
    seen = {"seen": lambda x: x[:, None], "options": TUNED}
    compare(thalweg.Scion, lambda w, g, **o: scion(w, g, norm="rms", **o), (5,), steps=4, tolerance=1e-12, **seen)


def test_steps_do_not_depend_on_the_size_of_gradients():
    params = [nn.Parameter(torch.ones(8, 4)) for _ in range(2)]
    for param, size in zip(params, (1.0, 2.0**10), strict=True):
        optimizer = thalweg.Scion([param], norm="row", eps=0.0)
        for step in range(3):
            param.grad = size * torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
            optimizer.step()
    assert torch.equal(*params)


def test_it_keeps_one_number_an_element():
    param = nn.Parameter(torch.ones(8, 4))
    assert set(walked("Scion", [param], 1).state[param]) == {"momentum_buffer"}


@pytest.mark.parametrize("norm", ["spectral", "sign", "column", "row", "embedding"])
def test_what_has_no_rows_is_refused(norm):
    with pytest.raises(ValueError, match=f"norm='{norm}' is for matrices, but parameter 'b' .* choose norm='rms'"):
        thalweg.Scion([("b", torch.zeros(3))], norm=norm)
