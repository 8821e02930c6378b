"""Muown and MUD in NumPy's float64, from their papers' boxes, for one matrix."""

import numpy as np


def polar(x):
    u, _, v = np.linalg.svd(x, full_matrices=False)
    return u @ v


def lengths(x):
    return np.linalg.norm(x, axis=1, keepdims=True)


def muown(
    w,
    gradients,
    lr=3e-4,
    momentum=0.95,
    betas=(0.9, 0.95),
    magnitude_eps=1e-8,
    weight_decay=0.0,
    nesterov=False,
    **others,
):
    """Lion et al. 2026, algorithm 1: W = diag(g) V / |V| by rows. https://arxiv.org/abs/2605.10797."""
    g, v = lengths(w), w
    m, a, b = 0.0, 0.0, 0.0
    for t, gradient in enumerate(gradients, 1):
        unit = v / lengths(v)
        slope = (gradient * unit).sum(1, keepdims=True)
        turn = g / lengths(v) * (gradient - slope * unit)
        m = momentum * m + turn
        step = turn + momentum * m if nesterov else m
        v = v - lr * 0.2 * np.sqrt(max(w.shape)) * polar(step)
        a, b = betas[0] * a + (1 - betas[0]) * slope, betas[1] * b + (1 - betas[1]) * slope**2
        g = g - lr * a / (1 - betas[0] ** t) / (np.sqrt(b / (1 - betas[1] ** t)) + magnitude_eps)
        old, w = w, g * v / lengths(v)
        if weight_decay:
            w = w - lr * weight_decay * old
            # The weights are the truth: their rows give lengths and directions, and V keeps its own lengths.
            g, v = lengths(w), w / lengths(w) * lengths(v)
        yield w


def mud(w, gradients, lr=1e-3, momentum=0.95, weight_decay=0.1, nesterov=True, passes=1, **others):
    """Southworth & Thomas 2026, algorithm 1, on the smaller side. https://arxiv.org/abs/2603.17970."""
    m = 0.0
    for g in gradients:
        m = momentum * m + g
        q = g + momentum * m if nesterov else m
        q = q if w.shape[0] <= w.shape[1] else q.T
        for _ in range(passes):
            q = q / lengths(q)
            q = np.linalg.solve(np.tril(q @ q.T), q)
            q = q / lengths(q)
        q = q if w.shape[0] <= w.shape[1] else q.T
        w = w - lr * weight_decay * w - lr * 0.2 * np.sqrt(max(w.shape)) * q
        yield w
