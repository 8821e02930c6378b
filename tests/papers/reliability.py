"""Means of the gradient, by how reliable they are."""

import math

from .reference import of


@of("MSVAG")
def msvag(theta, gradients, *, lr=1e-2, beta=0.9, weight_decay=0.0, maximize=False):
    """Balles & Hennig 2018, "Dissecting Adam", algorithm 2 and equation 25; rho is at most 0.999, as in their code.

    https://arxiv.org/abs/1705.07774
    """
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta * m + (1 - beta) * g
        v = beta * v + (1 - beta) * g * g
        mean, square = m / (1 - beta**t), v / (1 - beta**t)
        rho = min((1 - beta) * (1 + beta**t) / ((1 + beta) * (1 - beta**t)), 0.999)
        s = max(square - mean**2, 0.0) / (1 - rho)
        if mean**2:
            theta -= lr * mean**2 / (mean**2 + rho * s) * mean
        yield theta


# Where the mean is near the gradient, what is left of their difference is rounding.
@of("VSGD", tolerance=1e-10)
def vsgd(theta, gradients, *, lr=0.1, tau1=0.81, tau2=0.9, eps=1e-8, weight_decay=0.0, maximize=False):
    """Chen, Kuzina, Esmaeili & Tomczak 2025, "Variational Stochastic Gradient Descent", in twice the paper's a and b.

    The prior of the authors' code: gamma is 1e-8, K is 30, and 1e-4 is added to a. https://arxiv.org/abs/2404.06549
    """
    gamma, k_g, mu = 1e-8, 30.0, 0.0
    a, b_g, b_g_hat = 2 * gamma + 1 + 1e-4, 2 * gamma, 2 * k_g * gamma
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        s_g, s_g_hat = (b_g / (a - 1), b_g_hat / (a - 1)) if t == 1 else (b_g / a, b_g_hat / a)
        mu_before, mu = mu, (s_g_hat * mu + s_g * g) / (s_g + s_g_hat)
        sigma_squared = s_g * s_g_hat / (s_g + s_g_hat)
        rho1, rho2 = t**-tau1, t**-tau2
        b_g = (1 - rho1) * b_g + rho1 * (2 * gamma + sigma_squared + (mu - mu_before) ** 2)
        b_g_hat = (1 - rho2) * b_g_hat + rho2 * (2 * k_g * gamma + sigma_squared + (mu - g) ** 2)
        theta -= lr / (math.sqrt(mu**2 + sigma_squared) + eps) * mu
        yield theta
