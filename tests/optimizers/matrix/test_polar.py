"""MOP, PolarGrad, SPEL, MOSO, PSGD-PRO and NorDion2 against their boxes, and what they keep and refuse."""

import copy
import re

import pytest
import torch
from torch import nn

import thalweg
from thalweg.formula import normal
from thalweg.formula.matrices.matrix import MATRIX_FUNCTIONS, as_matrices
from thalweg.formula.matrices.procrustes import rotated
from thalweg.formula.matrices.spectra import polar

from ...papers import polar as papers
from .beside import compare, gradients, walk

NAMES = ("MOP", "PolarGrad", "SPEL", "MOSO", "PSGDPro", "NorDion2")
SHAPES = [(4, 7), (7, 4), (4, 3, 2)]
TUNED = {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1}
MOSO = TUNED | {"betas": (0.7, 0.8), "shampoo_beta": 0.9, "eps": 1e-6}
PSGD = TUNED | {"precond_lr": 0.3, "damping_noise_scale": 0.2, "warmup_steps": 3, "seed": 5}


@pytest.fixture(name="_lines_of_zeros")
def _polar_with_zeros(monkeypatch):
    """Make what is there orthogonal, and leave lines of zeros: the iteration has tests of its own."""

    def made(stack, steps, eps, batch_dims, blocks, *coefficients):
        return polar(as_matrices(stack.double(), batch_dims, blocks)).reshape(stack.shape)

    monkeypatch.setitem(MATRIX_FUNCTIONS, "orthogonalize", made)


@pytest.mark.usefixtures("_lines_of_zeros")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("name", "tolerance"), [("MOP", 1e-10), ("PolarGrad", 1e-5), ("SPEL", 1e-5)])
def test_the_boxes_of_polar_factors(name, shape, nesterov, tolerance):
    # what the iteration makes orthogonal is float32 beside float64; MOP has none
    compare(getattr(thalweg, name), getattr(papers, name.lower()), shape, TUNED | {"nesterov": nesterov}, 6, tolerance)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("frequency", [1, 3])
def test_mosos_box(shape, frequency):
    compare(thalweg.MOSO, papers.moso, shape, MOSO | {"precondition_frequency": frequency}, 8, 1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_psgd_pros_box(shape):
    like = torch.zeros(shape, dtype=torch.float64).flatten(1)
    drawn = [normal(like, 5, 0, step).numpy() for step in range(1, 9)]
    compare(thalweg.PSGDPro, papers.psgd_pro, shape, PSGD, 8, 1e-8, drawn=drawn)


@pytest.mark.usefixtures("_lines_of_zeros")
@pytest.mark.parametrize("shape", [(5, 7), (7, 5)])
@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.01])
def test_nordion2s_box(shape, fraction):
    # what is made orthogonal is float32 beside float64
    compare(thalweg.NorDion2, papers.nordion2, shape, TUNED | {"fraction": fraction}, tolerance=1e-5)


@pytest.mark.parametrize("name", ["MOP", "MUD"])
def test_blocks_are_matrices_of_their_own(name):
    start, *given = (one.float() for one in gradients((6, 5), 5))
    whole, parts = nn.Parameter(start.clone()), [nn.Parameter(part.clone()) for part in start.chunk(2)]
    cut = getattr(thalweg, name)([whole], lr=0.1, blocks=2)
    alone = [getattr(thalweg, name)([part], lr=0.1) for part in parts]
    for gradient in given:
        whole.grad = gradient
        cut.step()
        for part, optimizer, piece in zip(parts, alone, gradient.chunk(2), strict=True):
            part.grad = piece.clone()
            optimizer.step()
    # a stack of two is multiplied otherwise than one
    torch.testing.assert_close(whole.detach(), torch.cat([part.detach() for part in parts]), rtol=0, atol=1e-5)


def test_each_block_has_directions():
    param = nn.Parameter(torch.ones(6, 5))
    optimizer = thalweg.Dion([param], blocks=2)
    walk(optimizer, [param], range(3))
    assert optimizer.state[param]["directions"].numel() == 2 * 5 * 3


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_from_a_checkpoint(name):
    params = [nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(6, 4))]
    optimizers = [getattr(thalweg, name)([param]) for param in params]
    for step in range(5):
        if step in (1, 3):
            optimizers[1] = getattr(thalweg, name)([params[1]])
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for optimizer, param in zip(optimizers, params, strict=True):
            walk(optimizer, [param], [step])
    assert torch.equal(*params)
    assert params[0].isfinite().all()


@pytest.mark.parametrize("name", ["MOP", "PolarGrad", "SPEL", "NorDion2"])
def test_they_take_a_whole_model(name):
    net = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    optimizer = getattr(thalweg, name)(net.named_parameters(), lr=0.01)
    walk(optimizer, list(net.parameters()), range(2))
    assert f"{name}'s formula: 0.weight\n" in optimizer.explain()


def test_weights_stay_orthogonal():
    param = nn.Parameter(nn.init.orthogonal_(torch.empty(5, 8)))
    walk(thalweg.SPEL([param], lr=0.05), [param], range(6))
    torch.testing.assert_close(param.detach() @ param.detach().T, torch.eye(5))


def test_no_gradient_is_no_step():
    param = nn.Parameter(torch.ones(4, 6))
    param.grad = torch.zeros(4, 6)
    thalweg.MOP([param], lr=0.1, weight_decay=0).step()
    assert torch.equal(param, torch.ones(4, 6))


def test_what_has_no_singular_values_stays_and_is_counted(monkeypatch):
    def refused(*_, **__):
        raise RuntimeError("no")

    monkeypatch.setattr(torch.linalg, "svd", refused)
    param = nn.Parameter(torch.ones(4, 6))
    optimizer = thalweg.MOP([param], weight_decay=0)
    walk(optimizer, [param], [0])
    assert torch.equal(param, torch.ones(4, 6))
    assert optimizer.metrics["failed_decompositions"] == 1


def test_a_matrix_that_is_not_finite_has_no_polar_factor():
    pair = torch.stack([torch.full((3, 2), torch.inf), torch.eye(3)[:, :2]])
    made = polar(pair)
    assert made[0].isnan().all()
    torch.testing.assert_close(made[1], pair[1])


def test_many_turns_make_a_matrix_symmetric():
    made = torch.eye(4).double() + 0.3 * torch.randn(4, 4).double()
    for _ in range(100):
        made = rotated(made)
    torch.testing.assert_close(made, made.mT, rtol=0, atol=1e-6)
    assert torch.equal(rotated(torch.eye(3)), torch.eye(3))


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("PSGDPro", {}, "PSGDPro is for matrices, but parameter 'b' has shape (3,): pass it to AdamW"),
        ("MOP", {}, "MOP only supports 2D parameters, or more dimensions, but parameter 'b' is"),
        ("SPEL", {"hyperball": True}, "SPEL does not take hyperball=True"),
        ("NorDion2", {"fraction": 0}, "NorDion2 needs fraction"),
    ],
)
def test_what_they_refuse(name, options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        getattr(thalweg, name)([("b", torch.zeros(3))], **({"use_muon": True} if name == "MOP" else {}), **options)


@pytest.mark.parametrize("name", ["PolarGrad", "SPEL"])
def test_one_sum_is_one_matrixs(name):
    with pytest.raises(
        ValueError, match=f"{name} takes each parameter as one matrix, but parameter 'w' is to be sever"
    ):
        getattr(thalweg, name)([("w", torch.zeros(8, 4))], blocks=2, use_muon=True)
