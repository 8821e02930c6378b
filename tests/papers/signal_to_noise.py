"""A rate from the first gradient."""

import statistics

from .reference import of_a_parameter
from .whole_parameters import length, mean


@of_a_parameter("SGDSaI", {"lr": 0.1, "momentum": 0.5, "eps": 0.1}, {"weight_decay": 0.0})
def sgd_sai(w, gradients, lr=1e-2, momentum=0.9, weight_decay=1e-2, eps=1e-8):
    """Xu, Xiang, Cai & Wen 2024, algorithm 1. https://arxiv.org/abs/2412.11768."""
    m, snr = [0.0] * len(w), None
    for g in gradients:
        if snr is None:
            sigma = statistics.stdev(g) if len(g) > 1 else 0.0
            snr = length(g) / (sigma + eps) if sigma else length(g)
        m = mean(m, momentum, g)
        w = [x - lr * weight_decay * x - lr * snr * a for x, a in zip(w, m, strict=True)]
        yield w
