"""Shampoo in NumPy's float64: from the box of its first paper, and from that of the one which uses it at scale."""

import numpy as np


def power(matrix, exponent, ridge=0.0):
    """Raise a symmetric matrix to a negative power; eigenvalues below zero are rounding's, and are lifted."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * (values - min(values[0], 0) + ridge) ** -exponent) @ vectors.T


def gupta(w, gradients, lr, eps):
    """Gupta, Koren & Singer 2018, algorithm 1, for matrices. https://arxiv.org/abs/1802.09568."""
    left, right = eps * np.eye(w.shape[0]), eps * np.eye(w.shape[1])
    for g in gradients:
        left, right = left + g @ g.T, right + g.T @ g
        w = w - lr * power(left, 1 / 4) @ g @ power(right, 1 / 4)
        yield w


class Graft:
    """The step of another rule: its length is what is wanted of it."""

    def __init__(self, how, beta2, eps):
        self.how, self.beta2, self.eps, self.squares = how, beta2, eps, 0.0

    def step(self, t, gradient, mean):
        if self.how == "adagrad":
            self.squares = self.squares + gradient**2
        else:
            self.squares = self.beta2 * self.squares + (1 - self.beta2) * gradient**2
        if self.how == "sgd":
            return mean
        squares = self.squares / (1 - self.beta2**t) if self.how == "adam" else self.squares
        return mean / (np.sqrt(squares) + self.eps)


def shi(
    w,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    shampoo_beta=None,
    eps=1e-8,
    weight_decay=0.0,
    precondition_frequency=10,
    start_preconditioning_step=None,
    grafting="adam",
    exponent=None,
    matrix_eps=1e-12,
    **others,
):
    """Shi et al. 2023, algorithm 2, for one block: a matrix, or a vector as one column. https://arxiv.org/abs/2309.06497."""
    beta3 = betas[1] if shampoo_beta is None else shampoo_beta
    start = precondition_frequency if start_preconditioning_step is None else start_preconditioning_step
    graft, sides = Graft(grafting, betas[1], eps), 2 if w.shape[1] > 1 else 1
    m, left, right, roots = 0.0, 0.0, 0.0, None
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * g
        left = beta3 * left + (1 if beta3 == 1 else 1 - beta3) * g @ g.T
        right = beta3 * right + (1 if beta3 == 1 else 1 - beta3) * g.T @ g
        mean = m / (1 - betas[0] ** t)
        other = graft.step(t, g, mean)
        if t == start or (t > start and t % precondition_frequency == 0):
            share = 1 if beta3 == 1 else 1 - beta3**t
            order = 1 / (2 * sides) if exponent is None else exponent
            roots = [power(product / share, order, matrix_eps) for product in (left, right)]
        step = other
        if roots:
            step = roots[0] @ mean @ roots[1] if sides == 2 else roots[0] @ mean
            step = step * np.linalg.norm(other) / np.linalg.norm(step) if grafting else step
        elif not grafting:
            step = mean
        w = w - lr * weight_decay * w - lr * step
        yield w
