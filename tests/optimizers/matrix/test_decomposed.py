"""SPlus, Conda and AdaGO against their papers, and what they keep and refuse."""

import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS

from ...papers import decomposed as papers
from .beside import compare, gradients, walk, walked

SHAPES = {"SPlus": [(5, 5), (4, 2, 2)], "Conda": [(4, 7), (7, 4), (4, 3, 2)]}
"""Those of SPlus are square: eigenvectors of nothing, which longer sides begin with, may be any."""

SPLUS = {"lr": 0.5, "betas": (0.8, 0.9), "weight_decay": 0.2}
CONDA = {"lr": 0.1, "betas": (0.7, 0.8), "eps": 1e-3, "weight_decay": 0.2}
ADAGO = {"lr": 0.5, "momentum": 0.8, "weight_decay": 0.1, "initial_norm": 0.5}


@pytest.mark.parametrize("frequency", [1, 3])
@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name in SHAPES for shape in SHAPES[name]])
def test_the_boxes_of_bases(name, shape, frequency):
    options = {"SPlus": SPLUS, "Conda": CONDA}[name] | {"precondition_frequency": frequency}
    compare(getattr(thalweg, name), getattr(papers, name.lower()), shape, options, 8, 1e-8)


@pytest.mark.parametrize(("gamma", "least_step"), [(100.0, 0.0), (4.0, 0.0), (100.0, 0.3)])
def test_adagos_box(monkeypatch, gamma, least_step):
    # what products make of a matrix has tests of its own; here it is the matrix times 0.25, in float32
    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", lambda stack, *numbers: stack * 0.25)
    options = ADAGO | {"gamma": gamma, "least_step": least_step}
    compare(thalweg.AdaGO, papers.adago, (5, 7), options, 8, 1e-6, orthogonal=lambda m: 0.25 * m)


@pytest.mark.parametrize("frequency", [2, 100])
def test_splus_beside_another(frequency):
    other = pytest.importorskip("pytorch_optimizer").SPlus
    ours, theirs = (nn.Parameter(gradients((9, 9), 1)[0]) for _ in range(2))
    walk(thalweg.SPlus([ours], precondition_frequency=frequency), [ours], range(8))
    walk(other([theirs], inverse_steps=frequency), [theirs], range(8))
    # they take eigenvectors in float32
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_adago_has_a_size_where_one_is_chosen():
    tall = [nn.Parameter(torch.ones(8, 2)) for _ in range(2)]
    for param, fn in zip(tall, [None, "original"], strict=True):
        walk(thalweg.AdaGO([param], lr=0.1, adjust_lr_fn=fn, least_step=0.0), [param], [0])
    plain, sized = (1 - param.detach() for param in tall)
    torch.testing.assert_close(sized, 2 * plain)


def test_splus_takes_signs_where_there_is_no_matrix():
    vector, long = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2, 5))
    walked("SPlus", [vector, long], 2, lr=1.0, weight_decay=0.0, max_precondition_dim=4)
    assert vector.abs().max() <= 0.002 + 1e-9
    # signs in a basis of two rows are at most root 2 long
    assert 0 < long.abs().max() <= 0.001 * (1 + 2**0.5) + 1e-9


@pytest.mark.parametrize("name", ["SPlus", "Conda"])
def test_complex_numbers_have_no_such_bases(name):
    with pytest.raises(ValueError, match=f"{name} is for real numbers, .*pass it to AdamW"):
        getattr(thalweg, name)([nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))])
