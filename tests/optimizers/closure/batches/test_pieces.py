"""A batch in pieces, on several threads: each row gives the same bits as alone, whatever is beside it."""

import threading

import pytest
import torch

from thalweg.formula.matrices.side_by_side import side_by_side
from thalweg.optimizers.closure import curve_fit, least_squares
from thalweg.optimizers.closure.batches import least_squares_rows
from thalweg.optimizers.closure.batches.fits import pooled_levenberg_marquardt as pooled
from thalweg.optimizers.closure.batches.pieces import equal_slices, slices

T = torch.linspace(-2, 3, 23, dtype=torch.float64)
GENERATOR = torch.Generator().manual_seed(3)
TRUTH = torch.tensor([0.5, 1.5, 0.5]) + torch.rand(100, 3, dtype=torch.float64, generator=GENERATOR)
NOISE = 0.05 * torch.randn(100, 23, dtype=torch.float64, generator=GENERATOR)


def rise(p):
    """The logistic function, whose last digits in torch depend on a number's place in memory."""
    return p[..., 0:1] * torch.sigmoid(p[..., 1:2] * (T - p[..., 2:3]))


Y = rise(TRUTH) + NOISE
FIELDS = ("x", "cost", "grad", "success", "covariance")


def fitted(rows, **options):
    """Fit some of the rows, and return all that is found out of each."""
    starts = torch.ones(len(rows), 3, dtype=torch.float64)
    found = least_squares(lambda p, y: rise(p) - y, starts, args=(Y[rows],), batched=True, covariance=True, **options)
    assert bool(found.success.all())
    return [getattr(found, field) for field in FIELDS]


@pytest.fixture
def _little_room(monkeypatch):
    """Pieces of 64 rows, on two threads."""
    monkeypatch.setattr(pooled, "NUMBERS_IN_POOL", 64)
    monkeypatch.setattr(least_squares_rows, "POOLS_IN_PIECE", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_little_room")
@pytest.mark.parametrize("options", [{}, {"bounds": (0.7, 1.3), "loss": "soft_l1", "f_scale": 0.05}])
def test_rows_have_the_same_bits_alone_in_any_company_and_order(options):
    whole = fitted(torch.arange(100), **options)
    order = torch.randperm(100, generator=GENERATOR)
    for company in (order, torch.arange(17, 36), torch.tensor([99])):
        for field, expected in zip(fitted(company, **options), whole, strict=True):
            assert torch.equal(field, expected[company])


@pytest.mark.usefixtures("_little_room")
def test_curve_fit_has_the_same_bits_alone():
    def model(t, height, rate, middle):
        return height * torch.sigmoid(rate * (t - middle))

    popt, pcov = curve_fit(model, T, Y, [1.0, 1.0, 1.0], batched=True)
    for i in (63, 99):
        alone, spread = curve_fit(model, T, Y[i : i + 1], [1.0, 1.0, 1.0], batched=True)
        assert torch.equal(alone[0], popt[i])
        assert torch.equal(spread[0], pcov[i])


def test_threads_have_as_much_to_do_as_others(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    sizes = {count: [part.stop - part.start for part in equal_slices(count, 10, 40)] for count in (0, 7, 15, 50, 100)}
    assert sizes == {0: [0], 7: [7], 15: [10, 5], 50: [25, 25], 100: [25] * 4}


@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_are_shared_out_and_torch_keeps_its_threads(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    met = threading.Barrier(threads, timeout=30)

    def work(piece):
        met.wait()  # Nobody passes who is alone.
        return piece, torch.get_num_threads()

    try:
        assert side_by_side(work, slices(7, 2), torch.device("cpu")) == [(piece, 1) for piece in slices(7, 2)]
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_a_mode_around_torch_is_kept():
    """Another thread would not know of it, so there is none."""
    here = threading.get_ident()
    torch.set_num_threads(max(2, before := torch.get_num_threads()))
    try:
        with torch.device("cpu"):
            seen = side_by_side(lambda _: threading.get_ident(), [1, 2, 3], torch.device("cpu"))
    finally:
        torch.set_num_threads(before)
    assert seen == [here] * 3


def test_an_error_in_a_piece_is_raised():
    def work(piece):
        if piece == 2:
            raise ValueError("no such piece")
        return piece

    with pytest.raises(ValueError, match="no such piece"):
        side_by_side(work, [1, 2, 3], torch.device("cpu"))
