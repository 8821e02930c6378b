"""Each rule beside what others have made of it, in float64; what is not installed is skipped, and counted by pytest."""

import pytest
import torch

import thalweg

from .authorities import TABLE, their_class

SHAPES = [(5, 7), (4, 3, 2), (13,), ()]
STEPS = 20


@pytest.fixture(autouse=True)
def _double_precision():
    """Some of them keep numbers of a parameter as precise as torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def walk(optimizer, params):
    """Step along the same gradients, and give what is to be judged."""
    if hasattr(optimizer, "train"):
        optimizer.train()
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        for param in params:
            param.grad = torch.randn(param.shape, dtype=torch.float64, generator=generator)
        optimizer.step()
    if hasattr(optimizer, "eval"):
        optimizer.eval()
    return [param.detach() for param in params]


def parameters(least_dims):
    generator = torch.Generator().manual_seed(99)
    shapes = [shape for shape in SHAPES if len(shape) >= least_dims]
    return [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator)) for shape in shapes]


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.ours}-{row.package}")
def test_agrees_with_others(row):
    try:
        kind = their_class(row)
    except ImportError:
        pytest.skip(f"{row.package} is not installed")
    start, params, others = (parameters(row.least_dims) for _ in range(3))
    ours = walk(getattr(thalweg, row.ours)(params, **row.common, **row.our), params)
    theirs = walk(kind(others, **row.common, **row.their), others)
    size = max(float(value.abs().max()) for value in theirs)
    worst = max(float((one - other).abs().max()) for one, other in zip(ours, theirs, strict=True))
    assert worst <= row.tolerance * size, f"{worst / size:.2g}"
    assert row.why or row.tolerance <= 1e-12
    assert not any(map(torch.equal, ours, start))
