"""Rules of polar factors, MOSO, PSGD-PRO and NorDion2 in NumPy's float64, for one matrix."""

import numpy as np


def polar(x):
    """Make singular values 1, and leave those that are nothing."""
    u, s, v = np.linalg.svd(x, full_matrices=False)
    return (u * (s > 1e-9 * s[0])) @ v


def momenta(gradients, momentum, nesterov):
    m = 0.0
    for g in gradients:
        m = momentum * m + (1 - momentum) * g
        yield (1 - momentum) * g + momentum * m if nesterov else m


def mop(w, gradients, lr, momentum, weight_decay=0.01, nesterov=False, **others):
    """Momentum, and its polar factor by singular values, times 0.2 root of the longer side."""
    for m in momenta(gradients, momentum, nesterov):
        w = w - lr * weight_decay * w - lr * 0.2 * np.sqrt(max(w.shape)) * polar(m)
        yield w


def polargrad(w, gradients, lr, momentum, weight_decay=0.01, nesterov=False, **others):
    """Lau, Long & Su 2025, algorithm 1: the polar factor times the nuclear norm. https://arxiv.org/abs/2505.21799."""
    for m in momenta(gradients, momentum, nesterov):
        w = w - lr * weight_decay * w - lr * np.linalg.svd(m, compute_uv=False).sum() * polar(m)
        yield w


def spel(w, gradients, lr, momentum, weight_decay=0.0, nesterov=False, **others):
    """Yang et al. 2026: W = msign(W - lr msign(M)). https://arxiv.org/abs/2601.21487."""
    for m in momenta(gradients, momentum, nesterov):
        w = polar(w - lr * weight_decay * w - lr * polar(m))
        yield w


def moso(w, gradients, lr, momentum, betas, shampoo_beta, eps, weight_decay=0.01, precondition_frequency=1, **others):
    """EMA of gradients; Adam of it in the eigenvectors of the mean of M M^T, on the smaller side."""
    flip = w.shape[0] > w.shape[1]
    w = w.T if flip else w
    m = a = v = c = 0.0
    for t, g in enumerate(gradients, 1):
        m = momentum * m + (1 - momentum) * (g.T if flip else g)
        share = (1 - shampoo_beta) / (1 - shampoo_beta**t)
        c = (1 - share) * c + share * m @ m.T
        if t == 1:
            q = np.linalg.eigh(c)[1][:, ::-1]
        elif (t - 1) % precondition_frequency == 0:
            order = np.argsort(-np.diag(q.T @ c @ q), kind="stable")
            q, v = np.linalg.qr(c @ q[:, order])[0], v[order]
        a = betas[0] * a + (1 - betas[0]) * m
        v = betas[1] * v + (1 - betas[1]) * (q.T @ m) ** 2
        step = (q.T @ a) / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        w = w * (1 - lr * weight_decay) - lr * q @ step
        yield w.T if flip else w


def bound(a):
    """Two steps of the power method from the longest row."""
    row = a[np.argmax((a * a).sum(1))] @ a
    return np.linalg.norm(row / np.linalg.norm(row) @ a)


def procrustes(q):
    """Multiply by exp(a R) to the second order, R = Q^T - Q over its size, where the trace is largest."""
    r = q.T - q
    if not r.any():
        return q
    r = r / bound(r)
    slope, bend = np.trace(r @ q), np.trace(r @ r @ q)
    a = min(max(-slope / bend, 0), 1 / 8) if bend < 0 else 1 / 8
    return (np.eye(len(q)) + a * r + a * a / 2 * r @ r) @ q


def psgd_pro(
    w,
    gradients,
    drawn,
    lr,
    momentum,
    precond_lr,
    damping_noise_scale,
    warmup_steps,
    beta_lip=0.9,
    weight_decay=0.01,
    min_precond_lr=0.01,
    **others,
):
    """Li 2024: whitening with Q^0.5 E Q^1.5, both factors at once. https://arxiv.org/abs/2402.11858."""
    rows, columns = w.shape
    left, right, m, most = np.eye(rows), np.eye(columns), 0.0, [1.0, 1.0]
    for t, g in enumerate(gradients):
        w = w - lr * weight_decay * w
        m = momentum * m + (1 - momentum) * g
        seen = m + (damping_noise_scale + 1e-7 * abs(m)) * drawn[t]
        white = left.T @ left @ seen @ right.T @ right
        rate = max(precond_lr / np.sqrt(1 + t / warmup_steps), min_precond_lr)
        new = []
        for place, (q, product, lines) in enumerate(((left, white @ white.T, columns), (right, white.T @ white, rows))):
            size = bound(product) + lines
            most[place] = max(beta_lip * most[place] + (1 - beta_lip) * size, size)
            new.append(procrustes(q - rate / most[place] * (product @ q - lines * q)))
        peaks = [abs(q).max() for q in new]
        left, right = (q * np.sqrt(np.prod(peaks)) / peak for q, peak in zip(new, peaks, strict=True))
        w = w - lr * left.T @ left @ m @ right.T @ right
        yield w


def nordion2(w, gradients, lr, momentum, weight_decay=0.01, fraction=0.25, beta2=0.95, denominator_eps=1e-8, **others):
    """Dion2 on rows, with NorMuon's second moments of the rows that step, at the length that the step had."""
    m, v = np.zeros_like(w), np.zeros((len(w), 1))
    for g in gradients:
        m = m + g
        chosen = np.argsort(-np.abs(m).sum(1))[: max(1, int(np.ceil(fraction * len(w))))]
        u = polar(m[chosen])
        v[chosen] = beta2 * v[chosen] + (1 - beta2) * (u * u).mean(1, keepdims=True)
        n = u / (np.sqrt(v[chosen]) + denominator_eps)
        step = np.zeros_like(w)
        step[chosen] = n * np.linalg.norm(u) / np.linalg.norm(n)
        m[chosen] = momentum * m[chosen]
        w = w - lr * weight_decay * w - lr * np.sqrt(w.shape[0] / w.shape[1]) * step
        yield w
