"""Kernels that go along rows and columns: their bits are NumPy's, for any number of threads."""

import pytest
import torch

import thalweg
from thalweg.engine.launches import launch
from thalweg.formula import (
    Columns,
    Rows,
    column_max,
    column_mean,
    column_total,
    lerp,
    minimum,
    row_max,
    row_mean,
    row_total,
    sqrt,
    total,
    total_square,
    where,
)
from thalweg.formula.matrices.sides import last_two
from thalweg.optimizer import registry

from ..oracle import step_and_check

pytestmark = pytest.mark.usefixtures("_compiled_only")

SHAPES = [(1, 1), (3, 7), (5, 300), (700, 2), (130, 257), (4, 3, 5, 6), (3, 190, 200), (40, 30, 3, 2)]
"""Among them lines that are longer and shorter than 256, matrices of several pieces, and pieces of several matrices."""


@pytest.fixture(scope="module")
def mixed():
    """A rule that says everything there is to say of rows and columns."""
    before = dict(registry)

    class Mixed(thalweg.Optimizer):
        lr: float = 0.1

        def update(self, param, grad, top: Rows, wide: Columns, mean):
            top = lerp(top, row_max(abs(grad)), 0.25)
            wide = minimum(wide + 1, column_max(grad)) + column_total(param) / self.numel
            share = row_mean(wide) + column_total(top) + total_square(wide) + total(top)
            mean = lerp(mean, grad / (sqrt(top) + abs(wide) + share), 0.5)
            centred = mean - row_total(mean) / self.columns - column_mean(grad)
            return param - self.lr * centred, top, wide, mean

        @classmethod
        def sides(cls, shape, options):
            return last_two(shape)

    yield Mixed
    registry.clear()
    registry.update(before)


def check(cls, dtype, shapes=SHAPES, **options):
    """Step three times, two groups together, and compare each time."""
    params = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in shapes]
    optimizer = cls([{"params": params[::2]}, {"params": params[1::2], "lr": 0.375}], engine="llvm", **options)
    for steps in range(3):
        for index, param in enumerate(params):
            param.grad = None if steps == 1 and index == 2 else torch.randn(param.shape).to(dtype)
        step_and_check(optimizer)
    assert "eager" not in optimizer.explain()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_bits(mixed, dtype):
    check(mixed, dtype)


@pytest.mark.parametrize(
    "options",
    [
        {"ema_decay": 0.5, "rounding": "stochastic"},
        {"rounding": "kahan", "accumulate": 2},
        {"cautious": True, "max_tensor_norm": 1.0},
        {"clip_value": 0.5, "track": True},
        {"state_dtype": torch.bfloat16, "rounding": "master"},
    ],
    ids=str,
)
def test_bits_with_what_is_put_around(mixed, options):
    check(mixed, torch.bfloat16, SHAPES[1:5], **options)


@pytest.mark.parametrize(
    "options", [{}, {"beta1": 0.9, "weight_decay": 0.1}, {"added_eps": True, "eps": (1e-30, 1e-3)}], ids=str
)
def test_bits_of_adafactor(options):
    check(thalweg.Adafactor, torch.float32, [*SHAPES, (7,), ()], **options)


def test_conditions_of_a_row_a_column_or_a_matrix_meet_elements():
    class Conditioned(thalweg.Optimizer):
        lr: float = 0.1

        def update(self, param, grad):
            rests, turns, is_small = row_max(grad) > 1, column_mean(grad) > 0, column_max(row_max(grad)) < 2
            step = where(rests, 0 * grad, where(turns & is_small, -grad, where(turns, 2 * grad, grad)))
            return param - self.lr * step * (grad > 0)

        @classmethod
        def sides(cls, shape, options):
            return last_two(shape)

    check(Conditioned, torch.float32, SHAPES[1:6])


def test_any_number_of_threads_gives_the_same_bits(mixed, monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 0)
    found = []
    for threads in (1, 2, 3):
        torch.manual_seed(0)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            params = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
            optimizer = mixed(params)
            for _ in range(2):
                for param in params:
                    param.grad = torch.randn_like(param)
                optimizer.step()
        finally:
            torch.set_num_threads(before)
        found.append(torch.cat([param.detach().flatten() for param in params]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_infinities_and_nans_go_where_they_belong(mixed):
    params = [torch.nn.Parameter(torch.ones(4, 3)) for _ in range(2)]
    optimizer = mixed(params)
    params[0].grad = torch.tensor([[1.0, torch.nan, 2.0], [0.0] * 3, [-torch.inf, 1.0, 3.0], [-1.0] * 3])
    params[1].grad = torch.ones(4, 3)
    step_and_check(optimizer)
    assert params[0].isnan().any()
    assert params[1].isfinite().all()


@pytest.mark.parametrize(
    ("param", "reason"),
    [
        (torch.zeros(3, 4).T, "its rows do not lie one after another in memory"),
        (torch.zeros(0, 3), "it has no elements"),
    ],
)
def test_what_kernels_are_not_for_is_said(mixed, param, reason):
    param = torch.nn.Parameter(param)
    param.grad = torch.ones_like(param)
    optimizer = mixed([param])
    assert reason in optimizer.explain()
    optimizer.step()


def test_codes_in_blocks_go_the_eager_way(mixed):
    param = torch.nn.Parameter(torch.randn(64, 80))
    param.grad = torch.randn(64, 80)
    optimizer = mixed([param], state_dtype="8bit")
    assert "codes in blocks" in optimizer.explain()
    optimizer.step()
    assert optimizer.state[param]["mean"].dtype is torch.uint8
    assert optimizer.state[param]["top"].dtype is torch.float32
