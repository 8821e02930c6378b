"""Scion in NumPy's float64: each ball's farthest point, as its paper's table has it."""

import numpy as np


def polar(x):
    """Make a matrix orthogonal."""
    u, _, v = np.linalg.svd(x, full_matrices=False)
    return u @ v


def farthest(norm, x, inputs=None):
    """Pethick et al. 2025, tables 1 and 2: rows are outputs, columns inputs, or their places in a convolution."""
    rows, columns = x.shape
    if norm == "spectral":
        inputs = inputs or columns
        return np.sqrt(rows / inputs) / (columns / inputs) * polar(x)
    if norm == "sign":
        return np.sign(x) / columns
    if norm == "column":
        return np.sqrt(rows) * x / np.linalg.norm(x, axis=0)
    if norm == "embedding":
        return np.sqrt(columns) * x / np.linalg.norm(x, axis=1, keepdims=True)
    if norm == "row":
        return x / np.linalg.norm(x, axis=1, keepdims=True) / np.sqrt(columns)
    return x / np.sqrt((x**2).mean())


def scion(w, gradients, lr=1e-3, momentum=0.9, norm="spectral", scale=1.0, constrained=False, inputs=None, **others):
    """Pethick et al. 2025, algorithms 1 and 2, alpha being 1 - momentum. https://arxiv.org/abs/2502.07529."""
    alpha, d = 1 - momentum, 0.0
    for g in gradients:
        d = (1 - alpha) * d + alpha * g
        step = scale * farthest(norm, d, inputs)
        w = (1 - lr) * w - lr * step if constrained else w - lr * step
        yield w
