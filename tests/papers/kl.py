"""KL-Shampoo and KL-SOAP in NumPy's float64, for one matrix, from their paper's equations."""

import numpy as np
import torch


def floor(size):
    return 1 / max(10, min(size, 4000)) ** 2


class Side:
    """S, its basis Q, and the eigenvalues that are kept beside; QR and eigenvectors are LAPACK's, as torch calls it."""

    def __init__(self, size, value):
        self.s, self.q, self.values = np.zeros((size, size)), np.eye(size), np.full(size, value)

    def look(self, product, seen, beta):
        self.s = beta * self.s + (1 - beta) * product
        self.values = np.maximum(beta * self.values + (1 - beta) * seen, floor(len(self.values)))

    def start(self, product, beta):
        self.s = (1 - beta) * product
        self.q = torch.linalg.eigh(torch.from_numpy(self.s))[1].numpy()[:, ::-1].copy()

    def come_nearer(self):
        self.q = torch.linalg.qr(torch.from_numpy(self.s @ self.q))[0].numpy()


def kl(
    is_soap,
    w,
    gradients,
    lr=3e-3,
    betas=(0.9, 0.98),
    shampoo_beta=None,
    eps=1e-8,
    weight_decay=0.01,
    precondition_frequency=10,
    initial_eigenvalue=0.1,
    **others,
):
    """Lin et al. 2025, the practical schemes, with moving means of eigenvalues. https://arxiv.org/abs/2509.03378."""
    a, b = (Side(size, initial_eigenvalue) for size in w.shape)
    (beta1, beta2), beta3 = betas, betas[1] if shampoo_beta is None else shampoo_beta
    (rows, columns), m, v = w.shape, 0.0, 0.0
    for t, g in enumerate(gradients):
        if t == 0:
            # Of a product that has less than full rank, eigenvectors are those of its very bits.
            first = torch.from_numpy(g)
            a.start((first @ first.T).numpy() / columns, beta3)
            b.start((first.T @ first).numpy() / rows, beta3)
            yield w
            continue
        m = beta1 * m + (1 - beta1) * g
        turned = a.q.T @ g @ b.q
        v = beta2 * v + (1 - beta2) * turned**2
        below = np.sqrt(v) if is_soap else np.sqrt(np.outer(a.values, b.values))
        w = w - lr * a.q @ ((a.q.T @ m @ b.q) / (below + eps)) @ b.q.T
        w = w - lr * weight_decay * w
        inverse_a, inverse_b = ((side.q / side.values) @ side.q.T for side in (a, b))
        seen_a, seen_b = g @ inverse_b @ g.T / columns, g.T @ inverse_a @ g / rows
        diagonals = [np.diag(side.q.T @ seen @ side.q) for side, seen in ((a, seen_a), (b, seen_b))]
        a.look(seen_a, diagonals[0], beta3)
        b.look(seen_b, diagonals[1], beta3)
        if t % precondition_frequency == 0:
            a.come_nearer()
            b.come_nearer()
        yield w
