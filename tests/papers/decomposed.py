"""SPlus and Conda in NumPy's float64, for one matrix, and AdaGO around what makes a matrix orthogonal."""

import numpy as np


def eigenvectors(a):
    """Give the eigenvectors of the largest eigenvalues first."""
    return np.linalg.eigh(a)[1][:, ::-1]


def splus(w, gradients, lr, betas, weight_decay, precondition_frequency, **others):
    """Frans, Levine & Abbeel 2025: U = Q_L sign(Q_L^T M Q_R) Q_R^T, times 2 / (m + n)."""
    m, left, right = 0.0, 0.0, 0.0
    q_left, q_right = np.eye(w.shape[0]), np.eye(w.shape[1])
    rate = lr * 2 / sum(w.shape)
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * g
        u = q_left @ np.sign(q_left.T @ m @ q_right) @ q_right.T
        left = betas[1] * left + (1 - betas[1]) * g @ g.T
        right = betas[1] * right + (1 - betas[1]) * g.T @ g
        if t == 1 or t % precondition_frequency == 0:
            q_left, q_right = eigenvectors(left), eigenvectors(right)
        w = (w - rate * u) * (1 - rate * weight_decay)
        yield w


def conda(w, gradients, lr, betas, eps, weight_decay, precondition_frequency, **others):
    """Wang et al. 2025: Adam of U^T M, by means of the squares of U^T G, U being M's singular vectors."""
    flip = w.shape[0] > w.shape[1]
    w = w.T if flip else w
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        g = g.T if flip else g
        m = betas[0] * m + (1 - betas[0]) * g
        if t == 1 or t % precondition_frequency == 0:
            u = np.linalg.svd(m, full_matrices=False)[0]
        v = betas[1] * v + (1 - betas[1]) * (u.T @ g) ** 2
        n = (u.T @ m) / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        w = (w - lr * u @ n) * (1 - lr * weight_decay)
        yield w.T if flip else w


def adago(w, gradients, lr, momentum, gamma, least_step, initial_norm, orthogonal, weight_decay, **others):
    """Zhang, Liu & Schaeffer 2025, algorithm 1: lengths of max(eps, lr min(|G|, gamma) / v)."""
    m, v_squared = 0.0, initial_norm**2
    for g in gradients:
        m = momentum * m + (1 - momentum) * g
        n = min(np.linalg.norm(g), gamma)
        v_squared = v_squared + n**2
        w = w * (1 - lr * weight_decay) - max(least_step, lr * n / np.sqrt(v_squared)) * orthogonal(m)
        yield w
