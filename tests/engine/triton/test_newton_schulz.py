"""The iteration with half of each symmetric product: as near to float64 as torch's products in bfloat16 are."""

import re
from functools import cache

import numpy as np
import pytest
import torch

import thalweg
from thalweg.engine.matrices import products
from thalweg.engine.triton.products import newton_schulz as iteration
from thalweg.engine.triton.products import symmetric
from thalweg.engine.triton.products.newton_schulz import is_gathered, lengths, newton_schulz_
from thalweg.engine.triton.products.symmetric import Tile
from thalweg.formula.matrices.matrix import newton_schulz

from ...formula.orthogonal_by_numpy import CONVERGING, JORDAN, by_numpy
from .conftest import DEVICE

ROWS = 64 if DEVICE.type == "cpu" else 512


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    """The interpreter takes a second for a few tiles; a device has tiles of its own size, and larger matrices."""
    if DEVICE.type == "cpu":
        monkeypatch.setattr(symmetric, "tile_of", lambda device: Tile(ROWS, ROWS, 4, 2, 128))
        monkeypatch.setattr(products, "LEAST", 16)
    monkeypatch.setattr(products, "_failures", {})


def spectra():
    """Singular values that gradients have, and worse ones: a few that are large, and very small ones."""
    place = np.arange(1, ROWS + 1)
    few = np.where(place <= 4, 1, 1e-3)
    return {"one over": 1 / place, "squared": 1.0 / place**2, "six decades": np.logspace(0, -6, ROWS), "four": few}


@cache
def normal_and_shaped(shape):
    """Make a matrix of normal numbers, and one of each spectrum."""
    generator = np.random.default_rng(0)
    normal = [generator.standard_normal(shape) for _ in range(1 + len(spectra()))]
    parts = [np.linalg.svd(matrix, full_matrices=False) for matrix in normal[1:]]
    shaped = [u * values @ v for (u, _, v), values in zip(parts, spectra().values(), strict=True)]
    return torch.from_numpy(np.stack([normal[0], *shaped])).to(DEVICE, torch.bfloat16)


def matrices(*shape):
    """Give those matrices, to be written to."""
    return normal_and_shaped(shape).clone()


def wanted(stack, coefficients=JORDAN, steps=5):
    made = [by_numpy(matrix, coefficients, steps, 1e-7) for matrix in stack.double().cpu().numpy()]
    return torch.from_numpy(np.stack(made))


def errors(found, truth):
    """Say how far each matrix is from the truth, in parts of its size."""
    return torch.linalg.matrix_norm(found.double().cpu() - truth) / torch.linalg.matrix_norm(truth)


@pytest.mark.parametrize("shape", [(ROWS, 4 * ROWS), (4 * ROWS, ROWS), (ROWS, ROWS)], ids=str)
def test_it_is_as_near_to_the_truth_as_torchs_products_in_bfloat16(shape):
    # a tall matrix is a wide one that lies otherwise: two of the five are enough
    stack = matrices(*shape)[: 2 if shape[0] > shape[1] else 5]
    truth = wanted(stack)
    theirs = errors(newton_schulz(stack, 5, 1e-7, 0, 1, *JORDAN), truth)
    newton_schulz_(stack, 5, 1e-7, 0, 1, *JORDAN)
    ours = errors(stack, truth)
    # theirs is from .01 to .2; the interpreter rounds to bfloat16 towards zero, by up to 1/256 each of the five times
    assert (ours <= 1.1 * theirs + (0.02 if DEVICE.type == "cpu" else 0)).all(), (ours, theirs)
    # a device's own decomposition may warn that it takes another way
    values, bound = torch.linalg.svdvals(stack.double().cpu()), torch.linalg.svdvals(truth).max()
    assert values.max() < 1.05 * bound


def test_all_steps_at_once_would_be_far_from_it(monkeypatch):
    """Why they are gathered in parts: small singular values explode."""
    monkeypatch.setattr(iteration, "lengths", lambda steps, gathers: [steps])
    stack = matrices(ROWS, 4 * ROWS)[2:3]
    newton_schulz_(stack, 5, 1e-7, 0, 1, *JORDAN)
    assert torch.linalg.svdvals(stack.double().cpu()).max() > 1.5


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 7])
@pytest.mark.parametrize("coefficients", [JORDAN, CONVERGING], ids=str)
def test_any_number_of_steps(steps, coefficients):
    stack = matrices(ROWS, 2 * ROWS)[:1]
    truth = wanted(stack, coefficients, steps)
    newton_schulz_(stack, steps, 1e-7, 0, 1, *coefficients)
    assert errors(stack, truth).max() < 0.01 + 0.005 * steps


def test_more_dimensions_are_columns_and_batch_dims_count_matrices():
    stack = matrices(ROWS, 2 * ROWS)[:2]
    other = stack.clone().view(1, 2, ROWS, 2, ROWS)
    newton_schulz_(stack, 1, 1e-7, 0, 1, *JORDAN)
    newton_schulz_(other, 1, 1e-7, 1, 1, *JORDAN)
    assert torch.equal(other.view_as(stack), stack)


def test_zeros_stay_zeros_and_what_is_not_finite_is_seen():
    stack = matrices(ROWS, 2 * ROWS)[:3]
    stack[0], stack[1, 0, 0] = 0, torch.nan
    newton_schulz_(stack, 2, 1e-7, 0, 1, *JORDAN)
    assert not stack[0].any()
    assert stack[1].isnan().any()
    assert stack[2].isfinite().all()


def test_how_many_steps_are_gathered():
    assert [list(lengths(steps, True)) for steps in (0, 2, 3, 5, 6)] == [[], [2], [3], [3, 2], [3, 2, 1]]
    assert list(lengths(3, False)) == [1, 1, 1]
    assert [is_gathered(*shape, 3.4445) for shape in [(768, 768), (768, 2304), (3072, 768)]] == [False, True, True]
    # a polynomial that is steeper multiplies errors by more
    assert not is_gathered(768, 3072, 8.2)


def stepped(engine):
    """Take a step of Muon on matrices of two shapes, with two steps of the iteration."""
    torch.manual_seed(0)
    params = [torch.nn.Parameter(torch.zeros(size, device=DEVICE)) for size in [(ROWS, 2 * ROWS), (ROWS, ROWS)]]
    optimizer = thalweg.Muon(params, lr=0.1, engine=engine, ns_steps=2)
    for param in params:
        param.grad = torch.randn(param.shape).to(DEVICE)
    optimizer.step()
    return params, optimizer


def test_muon_steps_with_it(counted):
    products_made = counted(iteration, "symmetric_product")
    ours, optimizer = stepped("triton")
    assert products_made
    assert "cut in two by products of whole matrices (half of each symmetric one, by a Triton kernel)" in (
        optimizer.explain()
    )
    theirs, _ = stepped("eager")
    for one, other in zip(ours, theirs, strict=True):
        # either way it is up to 2% of its size from the truth
        assert torch.linalg.norm(one - other) < 0.04 * torch.linalg.norm(other)


def test_where_the_kernel_cannot_be_built_torchs_products_go_on(monkeypatch):
    def broken(*arguments, **more):
        raise RuntimeError("Triton has a bad day")

    monkeypatch.setattr(iteration, "symmetric_product", broken)
    with pytest.warns(
        RuntimeWarning, match=r"torch multiplies matrices in a kernel's place, as .* Triton has a bad day"
    ) as told:
        ours, optimizer = stepped("triton")
    assert len(told) == 1
    assert "products of whole matrices (torch's, as no kernel for symmetric ones could be built: Triton" in (
        optimizer.explain()
    )
    monkeypatch.setattr(products, "LEAST", 10**6)
    theirs, _ = stepped("triton")
    assert all(map(torch.equal, ours, theirs))


UNFIT = [
    (torch.zeros(ROWS, 8), {}, r"64 x 8 is too small|512 x 8 is too small"),
    (torch.zeros(ROWS, ROWS + 8), {}, "is not in multiples of 16"),
    (torch.zeros(ROWS, ROWS).T[:, : ROWS // 2].T.contiguous().T, {}, "rows do not follow each other in memory"),
    (torch.zeros(ROWS, ROWS, dtype=torch.float64), {}, "is not for torch.float64"),
    (torch.zeros(ROWS, 2, ROWS), {"batch_dims": 1}, "2 x .* is too small"),
]


@pytest.mark.parametrize(("param", "options", "reason"), UNFIT, ids=[reason for _, _, reason in UNFIT])
def test_explain_says_why_torchs_products_are_taken(param, options, reason):
    said = thalweg.Muon([param.to(DEVICE)], engine="triton", **options).explain()
    assert "products of whole matrices (torch's, as " in said
    assert re.search(reason, said)
