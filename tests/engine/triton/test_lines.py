"""Kernels for GPUs that go along rows and columns: their bits are NumPy's, as those of the CPU's kernels are."""

import pytest
import torch

import thalweg
from thalweg.formula import row_mean, total
from thalweg.optimizer import registry

from ..llvm.test_lines import mixed as mixed  # the rule that says everything there is to say of rows and columns
from ..oracle import step_and_check
from .conftest import DEVICE

pytestmark = pytest.mark.usefixtures("_compiled_only")

SHAPES = [(3, 7), (4, 3, 5, 6), (5, 300), (35, 1_000)]
"""Lines longer and shorter than those of a tile, matrices of several pieces, and pieces of several matrices."""


@pytest.fixture(scope="module")
def summed():
    """A rule whose state is a sum of all gradients, with all its digits."""
    before = dict(registry)

    class Summed(thalweg.Optimizer):
        lr: float = 0.1

        def update(self, param, grad, seen):
            return param - self.lr * (grad - row_mean(grad)), 0 * seen + total(grad)

    yield Summed
    registry.clear()
    registry.update(before)


def check(cls, dtype, shapes=SHAPES, offset=0, **options):
    generator = torch.Generator().manual_seed(0)

    def memory(shape):
        # Of so many sizes that another order of adding gives another sum.
        sizes = 2.0 ** torch.randint(-16, 16, shape, generator=generator)
        values = (torch.randn(shape, generator=generator) * sizes).to(dtype)
        room = torch.zeros(values.numel() + offset, dtype=dtype, device=DEVICE)[offset:].view(shape)
        return room.copy_(values)

    optimizer = cls([memory(shape).requires_grad_() for shape in shapes], engine="triton", **options)
    for _ in range(2):
        for param in optimizer.param_groups[0]["params"]:
            param.grad = memory(param.shape)
        step_and_check(optimizer)
    assert "eager" not in optimizer.explain()


def test_everything_that_can_be_said(mixed):
    check(mixed, torch.float32)


def test_what_starts_nowhere_in_particular(mixed):
    check(mixed, torch.float32, [(6, 48), (5, 300)], offset=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_every_width_of_numbers(mixed, dtype):
    check(mixed, dtype, [(6, 48), (2, 3, 40)])


def test_sums_of_all_go_line_by_line(summed):
    check(summed, torch.float64, [(40, 48), (20, 7), (5, 300)])


def test_random_bits_go_by_places():
    check(thalweg.Adafactor, torch.bfloat16, [(6, 48), (5, 300)], rounding="stochastic", lr=0.1)


def test_a_step_that_is_left_out_changes_nothing():
    param = torch.randn(6, 48, device=DEVICE).requires_grad_()
    optimizer = thalweg.SM3([param], lr=0.1, engine="triton", skip_nonfinite=True)
    for bad in (False, True):
        param.grad = torch.randn(6, 48, device=DEVICE)
        param.grad[0, 0] = float("nan") if bad else 1.0
        before = param.detach().clone()
        optimizer.step()
        assert torch.equal(param, before) == bad
    assert optimizer.metrics["skipped"] == 1


def test_lines_are_read_in_wide_words_whatever_parameters_come_before():
    """One number a matrix was taken for a line; and vectors came right behind those of other parameters."""
    params = [torch.zeros(shape, device=DEVICE, requires_grad=True) for shape in [(3, 5), (32, 64), (16, 16)]]
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer = thalweg.Adafactor(params, engine="triton")
    optimizer.step()
    (launch,) = optimizer._watch.plan.launches
    tables = [call.tables for call in launch.calls if call.program.domain == "element"]
    assert len(tables) == 3
    assert [table.is_aligned.tolist() for table in tables] == [[False, True, True]] * 3
