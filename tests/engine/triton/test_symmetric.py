"""Products that are known to be symmetric, half of each computed, and the iteration that is made of them."""

import pytest
import torch
import triton
import triton.language as tl

from thalweg.engine.triton.products import symmetric
from thalweg.engine.triton.products.symmetric import Tile, symmetric_product

from .conftest import DEVICE

HALVES = [torch.float16, torch.bfloat16]


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    """The interpreter takes a second for a few tiles; a device has tiles of its own size, and larger matrices."""
    if DEVICE.type == "cpu":
        monkeypatch.setattr(symmetric, "tile_of", lambda device: Tile(16, 16, 4, 2, 128))


def sizes(*shape):
    """Give sizes in tiles on a device, where one has 128 rows, and not 16."""
    return shape if DEVICE.type == "cpu" else tuple(8 * size for size in shape)


def stack(*shape, dtype, count=1):
    return torch.randn(count, *sizes(*shape)).to(DEVICE, dtype)


def check(found, wanted, dtype):
    """Sums are float32's; one rounding is left, which Triton's interpreter does towards zero."""
    rounding = torch.finfo(dtype).eps * wanted.abs() + 1e-4
    assert ((found.double() - wanted).abs() <= rounding).all()


# whole tiles, an odd and an even number of them; edges both ways; one tile that is not full
SHAPES = [(48, 32), (32, 16), (40, 24), (8, 40)]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_matrix_times_its_transposed(shape, dtype):
    x = stack(*shape, dtype=dtype)
    check(symmetric_product(x, x, torch.float16), x.double() @ x.double().mT, torch.float16)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_columns_may_follow_each_other_in_memory(dtype):
    x = stack(40, 24, dtype=dtype, count=3)
    check(symmetric_product(x.mT, x.mT, dtype), x.double().mT @ x.double(), dtype)


def test_what_is_added():
    g = stack(40, 40, dtype=torch.float16)
    g = (g + g.mT) / 8
    made = symmetric_product(g, g, torch.float16, scale=2.0, added=g, added_scale=-0.5, diagonal=3.0)
    eye = torch.eye(g.shape[1], dtype=torch.float64, device=DEVICE)
    check(made, 2 * g.double() @ g.double() - 0.5 * g.double() + 3 * eye, torch.float16)


def test_two_that_commute():
    g = stack(40, 40, dtype=torch.float16)
    g = (g + g.mT) / 16
    other = (g.double() @ g.double() + 3 * g.double()).half()
    # the other's rounding makes the product a little unsymmetrical
    torch.testing.assert_close(
        symmetric_product(g, other, torch.float16).double(), g.double() @ other.double(), rtol=2e-3, atol=2e-3
    )


def test_only_half_is_computed():
    """A product that is not symmetric shows it: below the diagonal it is right, and above there is the mirror image."""
    x, y = stack(32, 16, dtype=torch.float16), stack(32, 16, dtype=torch.float16)
    made, whole = symmetric_product(x, y, torch.float16), x.double() @ y.double().mT
    half = made.shape[1] // 2
    check(made[:, half:, :half], whole[:, half:, :half], torch.float16)
    assert torch.equal(made[:, :half, half:], made[:, half:, :half].mT)


@triton.jit
def folded_kernel(found, tiles):
    place = tl.program_id(0)
    row, column = symmetric.folded(place, tiles)
    tl.store(found + 2 * place, row)
    tl.store(found + 2 * place + 1, column)


@pytest.mark.parametrize("tiles", [1, 2, 3, 4, 7])
def test_each_tile_of_the_triangle_is_made_once(tiles):
    count = tiles * (tiles + 1) // 2
    found = torch.zeros((count, 2), dtype=torch.int32, device=DEVICE)
    folded_kernel[(count,)](found, tiles)
    assert sorted(found.tolist()) == [[row, column] for row in range(tiles) for column in range(row + 1)]
