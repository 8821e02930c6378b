"""Alice around Adam in NumPy's float64, from the paper's algorithm, for one matrix whose directions are all leading."""

import numpy as np

from .low_rank import Adam, singular


def alice(
    w,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    rank=2,
    gap=200,
    scale=0.3,
    tracking=0.999,
    compensation=0.4,
    rest_decay=0.9,
    growth=1.01,
    leading=2,
):
    """Gong et al. 2025, Alice: tracking, switching and compensation; the smaller side is the rows."""
    assert leading >= rank
    adam, is_tall = Adam(betas, eps), w.shape[0] >= w.shape[1]
    w = w.T if is_tall else w
    tracked, size, last = np.zeros((rank, rank)), 0.0, 0.0
    for t, g in enumerate(g.T if is_tall else g for g in gradients):
        if t == 0:
            u = singular(g.T if is_tall else g, rank)
        elif t % gap == 0:
            q = tracking * u @ tracked @ u.T + (1 - tracking) * g @ g.T
            basis, _ = np.linalg.qr(q @ u)
            found = basis @ np.linalg.eigh(basis.T @ q @ basis)[1][:, ::-1]
            u = found * np.sign((found * u).sum(0))  # signs are free, and means go on
        sigma = u.T @ g
        tracked = tracking * tracked + (1 - tracking) * sigma @ sigma.T
        size = rest_decay * size + (1 - rest_decay) * ((g * g).sum(0) - (sigma * sigma).sum(0))
        rest = np.sqrt(len(w) - rank) * (g - u @ sigma) / np.sqrt(size)
        rest *= growth / max(np.linalg.norm(rest) / last, growth) if last else 1.0
        last = np.linalg.norm(rest)
        w = w - lr * scale * (u @ adam.direction(sigma) + compensation * rest)
        w = w * (1 - lr * weight_decay)
        yield w.T if is_tall else w
