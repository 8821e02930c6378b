"""PSGD with Kronecker factors in NumPy's float64, for one matrix, from its authors' equations."""

import numpy as np


def bound(a):
    """Bound the largest eigenvalue of a symmetric matrix from below: Pooladzandi & Li 2024, appendix."""
    size = np.abs(a).max()
    a = a / size
    x = a @ a[np.argmax((a * a).sum(1))]
    return size * np.linalg.norm(a @ (x / np.linalg.norm(x)))


class Factor:
    """One side's: upper triangular, or a diagonal."""

    def __init__(self, size, is_diagonal, scale):
        self.is_diagonal = is_diagonal
        self.q = np.sqrt(scale) * np.eye(size)

    def move(self, one, other, lr):
        """Q <- Q - lr * triu(A A' - B B') Q / |A A' + B B'|."""
        if self.is_diagonal:
            one, other = (np.diag(np.diag(x)) for x in (one, other))
            self.q = self.q - lr * (one - other) @ self.q / np.abs(one + other).max()
        else:
            self.q = self.q - lr * np.triu(one - other) @ self.q / bound(one + other)


def psgd_kron(
    w,
    gradients,
    probes,
    is_due,
    diagonal=(False, False),
    balanced=(),
    lr=1e-3,
    momentum=0.9,
    weight_decay=0.0,
    momentum_into_precond_update=True,
    precond_lr=0.1,
    precond_init_scale=1.0,
    **others,
):
    """Pooladzandi & Li 2024, table of Lie groups, "Kron". https://arxiv.org/abs/2402.04553."""
    sides = [Factor(size, flat, precond_init_scale) for size, flat in zip(w.shape, diagonal, strict=True)]
    m = 0.0
    for t, (g, probe) in enumerate(zip(gradients, probes, strict=True), 1):
        m = momentum * m + (1 - momentum) * g
        mean = m / (1 - momentum**t)
        left, right = sides
        if t in balanced:
            sizes = [np.abs(side.q).max() for side in sides]
            for side, size in zip(sides, sizes, strict=True):
                side.q = side.q * np.sqrt(sizes[0] * sizes[1]) / size
        if is_due(t):
            a = left.q @ (mean if momentum_into_precond_update else g) @ right.q.T
            b = np.linalg.inv(left.q).T @ probe @ np.linalg.inv(right.q)
            left.move(a @ a.T, b @ b.T, precond_lr)
            right.move(a.T @ a, b.T @ b, precond_lr)
        step = left.q.T @ left.q @ mean @ right.q.T @ right.q
        step = step * min(1.0, 1.1 / (np.sqrt((step**2).mean()) + 1e-8))
        w = w - lr * (step + weight_decay * w)
        yield w
