"""Matrices as lists of rows, in plain floats: what references in this folder compute with."""

import math

import torch

STEPS = 5


def mean(numbers):
    numbers = list(numbers)
    return math.fsum(numbers) / len(numbers)


def each(function, *matrices):
    """Compute elementwise."""
    return [[function(*numbers) for numbers in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


def columns(matrix):
    return [list(column) for column in zip(*matrix, strict=True)]


def square(matrix, eps=0.0):
    return each(lambda x: x * x + eps, matrix)


def rms(matrix):
    return math.sqrt(mean(x * x for row in matrix for x in row))


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def flat(matrix):
    return [x for row in matrix for x in row]


def compare(cls, rule, shape, options, engine, gradient_of=None, precision=1e-12, **said):
    """Train a parameter and a reference side by side, and compare after each step."""
    torch.manual_seed(0)
    param = torch.nn.Parameter(torch.randn(shape, dtype=torch.float64))
    reference = rule(param.reshape(-1, shape[-1]).tolist(), is_matrix=len(shape) > 1, **said)
    next(reference)
    optimizer = cls([param], engine=engine, **options)
    for step in range(STEPS):
        gradient = torch.randn(shape, dtype=torch.float64)
        param.grad = gradient if gradient_of is None else gradient_of(step, param.detach(), gradient)
        wanted = reference.send(param.grad.reshape(-1, shape[-1]).tolist())
        optimizer.step()
        found = torch.tensor(wanted, dtype=param.dtype).reshape(shape)
        # Sums of a few hundred numbers in another order.
        torch.testing.assert_close(param.detach(), found, rtol=precision, atol=precision)
    return optimizer
