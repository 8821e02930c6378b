"""Each rule beside what others have made of it, in float64; what is not installed is skipped, and counted by pytest."""

from pathlib import Path

import pytest
import torch

import thalweg

from .authorities import OTHERWISE, TABLE, their_class

PAGE = Path(__file__).parents[2] / "docs" / "disagreements.md"
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


def parameters(row):
    generator = torch.Generator().manual_seed(99)
    shapes = [shape for shape in SHAPES if row.least_dims <= len(shape) <= row.most_dims]
    return [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64, generator=generator)) for shape in shapes]


def worst_of(row):
    """Give the largest difference, of the largest number."""
    try:
        kind = their_class(row)
    except ImportError:
        pytest.skip(f"{row.package} is not installed")
    start, params, others = (parameters(row) for _ in range(3))
    ours = walk(getattr(thalweg, row.ours)(params, **row.common, **row.our), params)
    theirs = walk(kind(others, **row.common, **row.their), others)
    assert not any(map(torch.equal, ours, start))
    size = max(float(value.abs().max()) for value in theirs)
    return max(float((one - other).abs().max()) for one, other in zip(ours, theirs, strict=True)) / size


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.ours}-{row.package}")
def test_agrees_with_others(row):
    worst = worst_of(row)
    assert worst <= row.tolerance, f"{worst:.2g}"
    assert row.why or row.tolerance <= 1e-12


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("row", OTHERWISE, ids=lambda row: f"{row.ours}-{row.package}")
def test_differs_from_others_by_as_much_as_is_said(row):
    assert f"{worst_of(row):.1e}" == f"{row.differs:.1e}"


@pytest.mark.parametrize("row", OTHERWISE, ids=lambda row: f"{row.ours}-{row.package}")
def test_the_page_says_where_others_differ(row):
    package = row.package.partition(".")[0]
    assert f"| `{row.ours}` | {package} `{row.theirs}` | {row.differs:.1e} | {row.why} |" in PAGE.read_text()
