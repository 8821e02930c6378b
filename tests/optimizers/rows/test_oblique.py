"""Steps along spheres, in plain floats."""

import math
import re

import pytest
import torch

import thalweg

from .matrices import columns, compare, dot, each


def sphere(w, step, lr, decay):
    """Boumal 2023, section 7.2: the tangent part of a step, and back to the sphere, for one line."""
    inner = dot(w, step)
    moved = [a * (1 - lr * decay) - lr * (b - a * inner) for a, b in zip(w, step, strict=True)]
    return [a / math.sqrt(dot(moved, moved)) for a in moved]


def oblique(w, *, is_matrix, lr=1e-3, momentum=0.9, decay=0.0, rows=False):
    m, g = each(lambda a: 0.0, w), (yield)
    while True:
        m = each(lambda a, b: momentum * a + b, m, g)
        lines, steps = (w, m) if rows else (columns(w), columns(m))
        new = [sphere(a, b, lr, decay) for a, b in zip(lines, steps, strict=True)]
        w = new if rows else columns(new)
        g = yield w


def oblique_adam(w, *, is_matrix, lr=1e-3, betas=(0.9, 0.99), eps=1e-8, decay=0.0, rows=False):
    m, v, t, g = each(lambda a: 0.0, w), each(lambda a: 0.0, w), 0, (yield)
    while True:
        t += 1
        m = each(lambda a, b: betas[0] * a + (1 - betas[0]) * b, m, g)
        v = each(lambda a, b: betas[1] * a + (1 - betas[1]) * b * b, v, g)
        one, other = 1 - betas[0] ** t, 1 - betas[1] ** t
        step = each(lambda a, b, one=one, other=other: a / one / (math.sqrt(b / other) + eps), m, v)
        lines, steps = (w, step) if rows else (columns(w), columns(step))
        new = [sphere(a, b, lr, decay) for a, b in zip(lines, steps, strict=True)]
        w = new if rows else columns(new)
        g = yield w


@pytest.mark.parametrize("engine", ["auto", "eager"])
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize(("name", "rule"), [("ObliqueSGD", oblique), ("ObliqueAdam", oblique_adam)])
def test_the_box(name, rule, rows, engine):
    own = {"normalized": "rows" if rows else "columns", "weight_decay": 0.1, "lr": 0.2}
    compare(getattr(thalweg, name), rule, (4, 5), own, engine, rows=rows, decay=0.1, lr=0.2)


@pytest.mark.parametrize("name", ["ObliqueSGD", "ObliqueAdam"])
def test_lines_have_a_length_of_one_and_vectors_are_refused(name):
    param = torch.nn.Parameter(torch.randn(3, 4))
    optimizer = getattr(thalweg, name)([param], normalized="rows")
    param.grad = torch.randn(3, 4)
    optimizer.step()
    torch.testing.assert_close(param.detach().norm(dim=1), torch.ones(3))
    with pytest.raises(ValueError, match=re.escape(f"{name} is for matrices, but parameter 'b' has shape (5,): pass")):
        getattr(thalweg, name)([("b", torch.nn.Parameter(torch.ones(5)))])
