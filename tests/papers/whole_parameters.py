"""Rules that look at a whole parameter: lists of numbers, and sums of Python's own."""

import math

from .reference import of_a_parameter


def length(vector):
    return math.sqrt(math.fsum(x * x for x in vector))


def mean(old, beta, new):
    return [beta * a + (1 - beta) * b for a, b in zip(old, new, strict=True)]


def squares(vector):
    return [x * x for x in vector]


@of_a_parameter("Fromage", {"lr": 0.3})
def fromage(w, gradients, lr=0.01):
    """Bernstein, Vahdat, Yue & Liu 2020, algorithm 1. https://arxiv.org/abs/2002.03432."""
    for g in gradients:
        trust = length(w) / length(g) if length(w) and length(g) else 1.0
        w = [(x - lr * trust * a) / math.sqrt(1 + lr * lr) for x, a in zip(w, g, strict=True)]
        yield w


@of_a_parameter(
    "NovoGrad", {"lr": 0.1, "weight_decay": 0.1}, {"betas": (0.5, 0.75), "grad_averaging": True, "eps": 0.1}
)
def novograd(w, gradients, lr=1e-3, betas=(0.95, 0.98), eps=1e-8, weight_decay=0.0, grad_averaging=False):
    """Ginsburg et al. 2019, algorithm 1. https://arxiv.org/abs/1905.11286."""
    m, v = [0.0] * len(w), None
    for g in gradients:
        square = length(g) ** 2
        v = square if v is None else betas[1] * v + (1 - betas[1]) * square
        share = 1 - betas[0] if grad_averaging else 1
        d = [a / (math.sqrt(v) + eps) + weight_decay * x for a, x in zip(g, w, strict=True)]
        m = [betas[0] * a + share * b for a, b in zip(m, d, strict=True)]
        w = [x - lr * a for x, a in zip(w, m, strict=True)]
        yield w


@of_a_parameter("StableAdamW", {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1e-3}, {"weight_decay": 0})
def stable_adamw(w, gradients, lr=1e-3, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.01):
    """Wortsman et al. 2023, algorithm 2. https://arxiv.org/abs/2304.13013."""
    m, v = [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(gradients, 1):
        beta1, beta2 = (b * (1 - b ** (t - 1)) / (1 - b**t) for b in betas)
        m, v = mean(m, beta1, g), mean(v, beta2, squares(g))
        rms = math.sqrt(math.fsum(a * a / max(b, eps * eps) for a, b in zip(g, v, strict=True)) / len(g))
        eta = lr / max(1.0, rms)
        w = [x - eta * weight_decay * x - eta * a / (math.sqrt(b) + eps) for x, a, b in zip(w, m, v, strict=True)]
        yield w


@of_a_parameter("MARS", {"lr": 0.1, "gamma": 0.5, "betas": (0.5, 0.75)}, {"weight_decay": 0.1})
def mars(w, gradients, lr=3e-3, betas=(0.95, 0.99), eps=1e-8, weight_decay=0.0, gamma=0.025):
    """Yuan et al. 2024, algorithm 2, approximate. https://arxiv.org/abs/2411.10438."""
    m, v, last = [0.0] * len(w), [0.0] * len(w), gradients[0]
    for t, g in enumerate(gradients, 1):
        c = [a + gamma * betas[0] / (1 - betas[0]) * (a - b) for a, b in zip(g, last, strict=True)]
        c = [a / max(1.0, length(c)) for a in c]
        m, v = mean(m, betas[0], c), mean(v, betas[1], squares(c))
        u = [a / (1 - betas[0] ** t) / (math.sqrt(b / (1 - betas[1] ** t)) + eps) for a, b in zip(m, v, strict=True)]
        w = [x - lr * weight_decay * x - lr * a for x, a in zip(w, u, strict=True)]
        last = g
        yield w


@of_a_parameter("Aida", {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.1}, {"eps": 1e-3, "xi": 1e-3})
def aida(w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, xi=1e-20):
    """Zhang, Niwa & Kleijn 2023, algorithm 1, K = 2. https://arxiv.org/abs/2302.01029."""
    m, s = [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(gradients, 1):
        g = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
        m = mean(m, betas[0], g)
        on_g, on_m = g, m
        for _ in range(2):
            product = math.fsum(a * b for a, b in zip(on_g, on_m, strict=True))
            shares = product / (length(on_g) ** 2 + xi), product / (length(on_m) ** 2 + xi)
            on_g, on_m = [shares[0] * a for a in on_g], [shares[1] * a for a in on_m]
        s = [betas[1] * a + (1 - betas[1]) * (b - c) ** 2 + eps for a, b, c in zip(s, on_m, on_g, strict=True)]
        step = [a / (1 - betas[0] ** t) / (math.sqrt(b / (1 - betas[1] ** t)) + eps) for a, b in zip(m, s, strict=True)]
        w = [x - lr * a for x, a in zip(w, step, strict=True)]
        yield w


def bounded(u, most, w):
    """Give what bitsandbytes multiplies an update by: 1, or what makes it `most` times as long as the parameter."""
    return min(1.0, most * length(w) / length(u)) if length(u) else 1.0


@of_a_parameter(
    "LAMB",
    {"lr": 0.1, "betas": (0.5, 0.75), "eps": 1e-3},
    {"weight_decay": 0},
    {"lr": 2.0, "trust_clip": True},
    {"always_adapt": False, "weight_decay": 0},
    {"max_unorm": 0.5, "weight_decay": 0.1},
)
def lamb(
    w,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-6,
    weight_decay=1e-2,
    trust_clip=False,
    always_adapt=True,
    max_unorm=None,
):
    """You et al. 2020, algorithm 2, for one layer, https://arxiv.org/abs/1904.00962; or bitsandbytes' AdamW."""
    m, v = [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(gradients, 1):
        m, v = mean(m, betas[0], g), mean(v, betas[1], squares(g))
        r = [a / (1 - betas[0] ** t) / (math.sqrt(b / (1 - betas[1] ** t)) + eps) for a, b in zip(m, v, strict=True)]
        if max_unorm is not None:
            share = bounded(r, max_unorm, w)
            w = [x - lr * weight_decay * x - lr * share * a for x, a in zip(w, r, strict=True)]
            yield w
            continue
        u = [a + weight_decay * x for a, x in zip(r, w, strict=True)]
        trust = length(w) / length(u) if length(w) and length(u) else 1.0
        trust = min(trust, 1.0) if trust_clip else trust
        trust = trust if always_adapt or weight_decay else 1.0
        w = [x - lr * trust * a for x, a in zip(w, u, strict=True)]
        yield w


@of_a_parameter(
    "LARS",
    {"lr": 2.0, "momentum": 0, "trust_coefficient": 0.1},
    {"weight_decay": 0},
    {"lr": 1e-4, "trust_clip": True},
    {"nesterov": True, "trust_coefficient": 0.1},
    {"always_adapt": False, "weight_decay": 0},
    {"max_unorm": 0.1, "weight_decay": 0.1, "momentum": 0.5},
    {"max_unorm": 0.1, "momentum": 0.5, "nesterov": True},
)
def lars(
    w,
    gradients,
    lr=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    trust_coefficient=1e-3,
    nesterov=False,
    trust_clip=False,
    always_adapt=True,
    max_unorm=None,
):
    """You, Gitman & Ginsburg 2017, algorithm 1, for one layer, https://arxiv.org/abs/1708.03888; or bitsandbytes'."""
    v = [0.0] * len(w)
    for g in gradients:
        if max_unorm is not None:
            d = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
            v = [momentum * a + b for a, b in zip(v, d, strict=True)]
            u = [b + momentum * a if nesterov else a for a, b in zip(v, d, strict=True)]
            share = bounded(u, max_unorm, w)
            w = [x - lr * share * a for x, a in zip(w, u, strict=True)]
            yield w
            continue
        size, slope = trust_coefficient * length(w), length(g) + weight_decay * length(w)
        local = size / slope if size and slope else 1.0
        local = min(local / lr, 1.0) if trust_clip else local
        local = local if always_adapt or weight_decay else 1.0
        step = [lr * local * (b + weight_decay * x) for b, x in zip(g, w, strict=True)]
        v = [momentum * a + b for a, b in zip(v, step, strict=True)]
        w = [x - (b + momentum * a if nesterov else a) for x, a, b in zip(w, v, step, strict=True)]
        yield w


@of_a_parameter(
    "GrokAdamW",
    {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.1, "max_tensor_norm": 1e9},
    {"alpha_init": 0.5, "grokking_signal": 0.75, "grokking_signal_decay_rate": 2.0, "lamb": 1.0},
)
def grok_adamw(
    w,
    gradients,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=1e-2,
    alpha_init=0.98,
    lamb=2.0,
    grokking_signal=0.0,
    grokking_signal_decay_rate=0.1,
    max_tensor_norm=1.0,
):
    """Hartford 2024, https://github.com/cognitivecomputations/grokadamw, for the first parameter of a group."""
    m, v, slow = [0.0] * len(w), [0.0] * len(w), [0.0] * len(w)
    alpha = alpha_init * math.exp(-grokking_signal_decay_rate * grokking_signal)
    for t, g in enumerate(gradients, 1):
        g = [a * min(1.0, max_tensor_norm / (length(g) + 1e-6)) for a in g]
        slow = mean(slow, alpha, g)
        g = [a + lamb * b for a, b in zip(g, slow, strict=True)]
        m, v = mean(m, betas[0], g), mean(v, betas[1], squares(g))
        size = lr * math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
        w = [x - lr * weight_decay * x - size * a / (math.sqrt(b) + eps) for x, a, b in zip(w, m, v, strict=True)]
        yield w


@of_a_parameter(
    "LDoG",
    {"reps_rel": 0.1, "weight_decay": 0.1},
    {"init_eta": 0.3, "lr": 0.5, "eps": 1e-2},
)
def ldog(w, gradients, lr=1.0, reps_rel=1e-6, weight_decay=0.0, eps=1e-8, init_eta=None):
    """Ivgi, Hinder & Carmon 2023, equation 1 for one layer. https://arxiv.org/abs/2302.12022."""
    start, square = w, eps
    distance = reps_rel * (1 + length(w)) if init_eta is None else 0.0
    for t, g in enumerate(gradients):
        g = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
        square += length(g) ** 2
        distance = max(distance, length([x - y for x, y in zip(w, start, strict=True)]))
        rate = init_eta if init_eta is not None and t == 0 else lr * distance / math.sqrt(square)
        w = [x - rate * a for x, a in zip(w, g, strict=True)]
        yield w


@of_a_parameter(
    "ApolloDQN",
    {"lr": 0.1, "warmup_steps": 0, "beta": 0.5},
    {"warmup_steps": 3, "weight_decay": 0.1, "eps": 1e-2, "lr": 0.5, "init_lr": 0.1},
)
def apollo(w, gradients, lr=1e-2, init_lr=1e-5, beta=0.9, eps=1e-4, weight_decay=0.0, warmup_steps=500):
    """Ma 2020, algorithm 1, with curvatures in units of their bound of 0.01. https://arxiv.org/abs/2009.13586."""
    m, b, d = [0.0] * len(w), [0.0] * len(w), [0.0] * len(w)
    for t, g in enumerate(gradients, 1):
        g = [a + weight_decay * x for a, x in zip(g, w, strict=True)]
        weight = (1 - beta) / (1 - beta**t)
        new = [(1 - weight) * x + weight * y for x, y in zip(m, g, strict=True)]
        size = math.fsum(x**4 for x in d) ** 0.25 + eps / 0.01
        v = [x / size for x in d]
        secant = math.fsum(x * (p - q) for x, p, q in zip(v, new, m, strict=True)) / size
        secant += math.fsum(x * x * y for x, y in zip(v, b, strict=True))
        b = [y - secant * x * x for x, y in zip(v, b, strict=True)]
        m, d = new, [x / max(abs(y), 0.01) for x, y in zip(new, b, strict=True)]
        rate = lr if t >= warmup_steps else init_lr + (lr - init_lr) * t / warmup_steps
        w = [x - rate * y for x, y in zip(w, d, strict=True)]
        yield w
