"""Passes around a function of whole matrices: NumPy's bits, whatever lies beside, and however the work is cut."""

import pytest
import torch

import thalweg
from thalweg.engine.matrices import between_passes

from ..matrix_steps import AROUND, KEPT, check_steps


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    """Sets of like parameters are worked on in pieces, as large ones are."""
    monkeypatch.setattr(between_passes, "MOST", 70)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.usefixtures("_compiled_only")
def test_the_bits_are_numpys(monkeypatch, dtype, around):
    check_steps(monkeypatch, dtype, **around)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("around", [AROUND["plain"], AROUND["all"]], ids=["plain", "all"])
@pytest.mark.usefixtures("_compiled_only")
def test_in_every_format(monkeypatch, dtype, kept, around):
    check_steps(monkeypatch, dtype, **kept, **around)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_the_eager_engine_agrees(monkeypatch, around):
    ends = []
    for engine in ("eager", "auto"):
        torch.manual_seed(0)
        ends.append(check_steps(monkeypatch, torch.float64, engine=engine, **around))
    # what waits between two passes is float32, and may be rounded to its neighbour
    torch.testing.assert_close(*ends, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "channels_last", "permuted"])
def test_any_dense_layout(layout):
    """What is orthogonal is the matrix that a tensor is, and not the order of its memory."""
    shape = (6, 5) if layout == "transposed" else (4, 3, 5, 2)
    orders = {"transposed": (1, 0), "channels_last": (0, 2, 3, 1), "permuted": (2, 0, 3, 1)}
    order = orders.get(layout, tuple(range(len(shape))))
    back = sorted(range(len(shape)), key=order.__getitem__)
    start, gradient = torch.randn(shape), torch.randn(shape)
    laid_out = start.permute(order).contiguous().permute(back)
    assert laid_out.is_contiguous() == (layout == "contiguous")
    params = [torch.nn.Parameter(start.clone()), torch.nn.Parameter(laid_out)]
    for param in params:
        param.grad = gradient.clone()
        optimizer = thalweg.Muon([param], lr=0.5)
        optimizer.step()
        assert "machine code (llvm), in one pass over memory, on up to 1 thread, cut in two" in optimizer.explain()
    assert params[1].stride() == laid_out.stride()
    # products of matrices in bfloat16 round in an order that depends on how these lie
    torch.testing.assert_close(params[0], params[1], rtol=0, atol=0.02)


def test_tensors_of_one_shape_may_lie_differently(monkeypatch):
    monkeypatch.setattr(between_passes, "MOST", 1000)
    start, gradients = torch.randn(2, 6, 6, 6), torch.randn(2, 6, 6, 6)
    alone = [
        torch.nn.Parameter(start[0].clone()),
        torch.nn.Parameter(start[1].permute(1, 2, 0).contiguous().permute(2, 0, 1)),
    ]
    together = [torch.nn.Parameter(param.detach().clone()) for param in alone]
    assert together[0].stride() != together[1].stride()
    for params in (alone, together):
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = gradient.clone()
    for param in alone:
        thalweg.Muon([param], lr=0.5).step()
    thalweg.Muon(together, lr=0.5).step()
    assert all(map(torch.equal, alone, together))


def test_matrices_share_their_memory(counted):
    """Sets of one shape are done together, and what waits between passes is used by the next."""
    calls = counted(between_passes.Matrices, "make")
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in [(4, 5)] * 6 + [(5, 4)] * 2 + [(2, 2)]]
    optimizer = thalweg.Muon(params)
    for param in params:
        param.grad = torch.randn_like(param)
    optimizer.step()
    launches = optimizer._watch.plan.launches
    assert sorted(len(launch.params) for launch in launches) == [1, 2, 3, 3]
    assert len({stack.data_ptr() for launch in launches for stack in launch.matrices.stacks.values()}) == 1
    assert len(calls) == 2 * len(launches)


def test_numbers_of_the_function_may_change_from_step_to_step():
    param = torch.nn.Parameter(torch.zeros(8, 8))
    optimizer = thalweg.Muon([param], lr=1.0, weight_decay=0, momentum=0.0)
    sizes = []
    for steps in (0, 10):
        optimizer.param_groups[0]["ns_steps"] = steps
        param.grad = torch.randn(8, 8)
        before = param.detach().clone()
        optimizer.step()
        sizes.append(torch.linalg.matrix_norm(param.detach() - before, 2).item())
    assert sizes[0] < 0.8 < sizes[1] < 1.3
