"""GaLore, Fira and APOLLO around Adam in NumPy's float64, from their papers' boxes, for one matrix."""

import numpy as np


def singular(g, rank):
    """Take singular vectors of the smaller side, each with its largest element above zero."""
    u, _, v = np.linalg.svd(g, full_matrices=False)
    p = v[:rank].T if g.shape[0] >= g.shape[1] else u[:, :rank]
    return p * np.sign(np.take_along_axis(p, np.abs(p).argmax(0)[None], 0))


class Adam:
    """The direction of Adam, corrected for bias."""

    def __init__(self, betas, eps):
        self.betas, self.eps, self.t, self.m, self.v = betas, eps, 0, 0.0, 0.0

    def direction(self, g):
        (b1, b2), self.t = self.betas, self.t + 1
        self.m, self.v = b1 * self.m + (1 - b1) * g, b2 * self.v + (1 - b2) * g * g
        return self.m / (1 - b1**self.t) / (np.sqrt(self.v / (1 - b2**self.t)) + self.eps)


class Limiter:
    """Chen et al. 2024, section 4.3: a length grows by a factor of gamma at most."""

    def __init__(self, gamma):
        self.gamma, self.last = gamma, None

    def limited(self, u):
        norm = np.linalg.norm(u)
        if self.last is not None and norm / (self.last + 1e-8) > self.gamma:
            u, norm = (x * self.gamma / (norm / (self.last + 1e-8)) for x in (u, norm))
        self.last = norm
        return u


def low_rank(
    method,
    w,
    gradients,
    directions=None,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    rank=2,
    gap=200,
    scale=1.0,
    scale_type="channel",
    growth=1.01,
    **others,
):
    """Zhao et al. 2024, algorithm 2; Chen et al. 2024, algorithm 1; Zhu et al. 2024, algorithm 1."""
    adam, limiter, tall = Adam(betas, eps), Limiter(growth), w.shape[0] >= w.shape[1]
    axis = None if scale_type == "tensor" else 1 if tall else 0
    for t, g in enumerate(gradients):
        if t % gap == 0:
            p = singular(g, rank) if directions is None else directions[t]
        r = g @ p if tall else p.T @ g
        n = adam.direction(r)
        share = np.linalg.norm(n, axis=axis, keepdims=True) / (np.linalg.norm(r, axis=axis, keepdims=True) + 1e-8)
        back = n @ p.T if tall else p @ n
        if method == "GaLore":
            w = w - lr * scale * back
        elif method == "Fira":
            rest = g - (r @ p.T if tall else p @ r)
            w = w - lr * scale * (back + limiter.limited(rest * share))
        else:
            w = w - lr * np.sqrt(scale) * limiter.limited(g * share)
        w = w * (1 - lr * weight_decay)
        yield w


class Settling:
    """Zhang et al. 2024, algorithm 1: codes of four bits, and a gap that grows. https://arxiv.org/abs/2407.08296."""

    def __init__(self, gap, threshold, growth, queue_size, group_size):
        self.gap, self.threshold, self.growth, self.queue_size = gap, threshold, growth, queue_size
        self.group_size, self.seen, self.first = group_size, [], None

    def directions(self, t, g, rank):
        if t % self.gap == 0:
            p = singular(g, rank)
            first = p[:, 0]
            if self.first is not None:
                cosine = first @ self.first / np.linalg.norm(first) / np.linalg.norm(self.first)
                self.seen = [*self.seen, cosine][-self.queue_size :]
                if len(self.seen) == self.queue_size and np.mean(self.seen) >= self.threshold:
                    self.gap *= self.growth
            flat = (p.T if g.shape[0] >= g.shape[1] else p).ravel()
            rounded = np.concatenate(
                [self.rounded(flat[at : at + self.group_size]) for at in range(0, flat.size, self.group_size)]
            )
            self.first, self.kept = (
                first,
                rounded.reshape(rank, -1).T if g.shape[0] >= g.shape[1] else rounded.reshape(-1, rank),
            )
        return self.kept

    @staticmethod
    def rounded(x):
        scale = max(x.max() - x.min(), 1e-5) / 15
        zero = np.clip(-np.round(x.min() / scale), 0, 15)
        return (np.clip(np.round(x / scale) + zero, 0, 15) - zero) * scale


def q_galore(
    w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, rank=2, scale=1.0, gap=200, **options
):
    """GaLore's step with these directions."""
    adam, tall = Adam(betas, eps), w.shape[0] >= w.shape[1]
    settling = Settling(
        gap, options["cos_threshold"], options["gap_growth"], options["queue_size"], options["group_size"]
    )
    for t, g in enumerate(gradients):
        p = settling.directions(t, g, rank)
        n = adam.direction(g @ p if tall else p.T @ g)
        w = (w - lr * scale * (n @ p.T if tall else p @ n)) * (1 - lr * weight_decay)
        yield w
