"""Dion and Dion2 in NumPy's float64, from their papers' boxes, for one matrix."""

import numpy as np


def dion(w, gradients, first, lr=1e-2, momentum=0.95, weight_decay=0.01, eps=1e-8, **others):
    """Ahn et al. 2025, algorithm 1, whose mu is the share that stays. https://arxiv.org/abs/2504.05295."""
    m, q = np.zeros_like(w), first
    for g in gradients:
        b = m + g
        p = np.linalg.qr(b @ q)[0]
        r = b.T @ p
        m = b - (1 - momentum) * p @ r.T
        q = r / (np.linalg.norm(r, axis=0) + eps)
        w = w - lr * weight_decay * w - lr * np.sqrt(w.shape[0] / w.shape[1]) * p @ q.T
        yield w


def polar(x):
    u, _, v = np.linalg.svd(x, full_matrices=False)
    return u @ v


def dion2(w, gradients, lr=1e-2, momentum=0.95, weight_decay=0.01, fraction=0.25, **others):
    """Ahn, Amsel & Langford 2025, algorithm 1: rows where there are no more of them than columns, else columns."""
    m, axis = np.zeros_like(w), 0 if w.shape[0] <= w.shape[1] else 1
    for g in gradients:
        m = m + g
        count = max(1, int(np.ceil(fraction * w.shape[axis])))
        chosen = np.argsort(-np.abs(m).sum(1 - axis))[:count]
        step = np.zeros_like(w)
        if axis == 0:
            step[chosen] = polar(m[chosen])
            m[chosen] = momentum * m[chosen]
        else:
            step[:, chosen] = polar(m[:, chosen])
            m[:, chosen] = momentum * m[:, chosen]
        w = w - lr * weight_decay * w - lr * np.sqrt(w.shape[0] / w.shape[1]) * step
        yield w
