"""A rule for matrices and its reference in NumPy, step by step along the same gradients."""

import numpy as np
import torch
from torch import nn

import thalweg


def gradients(shape, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(steps)]


def compare(cls, reference, shape, options, steps=12, tolerance=1e-10, seen=None, **said):
    """Compare after each step; products of matrices are summed in another order, and bases remember."""
    start, *given = gradients(shape, steps + 1, seed=1)
    param = nn.Parameter(start.clone())
    seen = seen or (lambda x: x.reshape(x.shape[0], -1))
    optimizer = cls([param], **options)
    wanted = reference(seen(start).numpy().copy(), [seen(one).numpy() for one in given], **options | said)
    for gradient, numbers in zip(given, wanted, strict=True):
        param.grad = gradient.clone()
        optimizer.step()
        np.testing.assert_allclose(seen(param.detach()).numpy(), numbers, rtol=tolerance, atol=tolerance)
    assert not torch.equal(param, start)
    return optimizer


def walked(name, params, steps, **options):
    """Step an optimizer by its name, along gradients that depend on the step alone."""
    optimizer = getattr(thalweg, name)(params, **options)
    walk(optimizer, params, range(steps))
    return optimizer


def walk(optimizer, params, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for param in params:
            param.grad = torch.randn(param.shape, generator=generator, dtype=torch.float64).to(param.dtype)
        optimizer.step()
