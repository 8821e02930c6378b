"""Many parameters as one vector."""

import math

import pytest
import torch
from torch.testing import assert_close

from thalweg.optimizers.closure.function.vector import Vector, moved


def mixed():
    return [
        torch.randn(3, 2),
        torch.randn(4, dtype=torch.float64),
        torch.randn(2, dtype=torch.complex64),
        torch.randn(3, 5).t(),
        torch.randn(()),
        torch.randn(2, 2, dtype=torch.bfloat16),
    ]


def test_what_is_read_can_be_written():
    tensors = mixed()
    vector = Vector(tensors)
    kept = [tensor.clone() for tensor in tensors]
    flat = vector.read()
    assert (flat.dtype, flat.numel(), vector.size) == (torch.float64, 34, 34)
    vector.write(torch.zeros_like(flat))
    assert all(not tensor.any() for tensor in tensors)
    vector.write(flat)
    for tensor, before in zip(tensors, kept, strict=True):
        assert torch.equal(tensor, before)


@pytest.mark.parametrize("shape", [(2, 2), (4,)])
@pytest.mark.parametrize("count", [1, 3])
def test_gradients_are_copies_and_missing_ones_zero(count, shape):
    tensors = [torch.ones(shape, dtype=torch.float64, requires_grad=True) for _ in range(count)]
    tensors[0].grad = torch.full(shape, 3.0, dtype=torch.float64)
    flat = Vector(tensors).gradient()
    tensors[0].grad.zero_()
    assert flat.tolist() == [3.0] * 4 + [0.0] * 4 * (count - 1)


def test_sparse_gradients_become_dense():
    embedding = torch.nn.Embedding(4, 2, sparse=True)
    embedding(torch.tensor([1, 1])).sum().backward()
    assert Vector([embedding.weight]).gradient().tolist() == [0, 0, 2, 2, 0, 0, 0, 0]


def test_a_scale_is_the_unit_of_direction_and_gradient():
    a, b = torch.zeros(2), torch.zeros(1)
    a.grad, b.grad = torch.ones(2), torch.ones(1)
    vector = Vector([a, b], [1.0, 0.5])
    assert vector.gradient().tolist() == [1, 1, 0.5]
    assert [part.tolist() for part in vector.unflatten(torch.ones(3))] == [[1, 1], [0.5]]


def test_one_parameter_is_its_own_flat_view():
    x = torch.zeros(3, 2)
    vector = Vector([x])
    vector.write(torch.arange(6.0))
    assert_close(x, torch.arange(6.0).view(3, 2))


def test_tensors_of_several_devices_meet_on_the_first_ones():
    """The device without memory stands for another; what is on it has a shape, and no numbers."""
    away, near = torch.zeros(2, device="meta"), torch.ones(3, dtype=torch.float64)
    near.grad = torch.ones_like(near)
    vector = Vector([away, near])
    for flat in (vector.read(), vector.gradient()):
        assert (flat.device.type, flat.dtype, flat.shape) == ("meta", torch.float64, (5,))
    assert [part.device.type for part in Vector([away, away]).unflatten(torch.ones(4, device="meta"))] == ["meta"] * 2


@pytest.mark.parametrize(
    ("dtype", "exponent"),
    [(torch.float32, 10), (torch.float32, 60), (torch.float64, 10), (torch.float64, 1022), (torch.float64, 1023)],
    ids=str,
)
def test_long_steps_are_rounded_as_short_ones(dtype, exponent):
    """Float32's were computed in float64, so that a loss in other units took other steps."""
    x, direction = torch.tensor([0.1, -3.0], dtype=dtype), torch.tensor([1.75, 2.5], dtype=dtype)
    shorter = (direction.double() * math.ldexp(1.0, -exponent)).to(dtype)
    assert torch.equal(moved(x, shorter, math.ldexp(1.9, exponent)), torch.add(x, direction, alpha=1.9))
