"""Adam, and its relations: moments of the gradient, freed from their bias towards zero."""

import math

from .reference import of


@of("Adam")
def adam(
    theta,
    gradients,
    *,
    lr=1e-2,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Adam, and AMSGrad; with decoupled weight decay, AdamW.

    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    https://arxiv.org/abs/1412.6980
    Reddi, Kale & Kumar 2018, "On the Convergence of Adam and Beyond", algorithm 2; the maximum is over the
    uncorrected v as printed there, but torch then corrects the bias, of m too, and the paper does not.
    https://arxiv.org/abs/1904.09237
    """
    (beta1, beta2), m, v, v_max = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v_max, v)
        m_hat = m / (1 - beta1**t)
        v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
        theta -= lr * m_hat / (math.sqrt(v_hat) + eps)
        yield theta


@of("AdamH")
def adam_h(theta, gradients, *, betas=(0.9, 0.95), **options):
    """Adam with another beta2: one number of a vector has no sphere. Matrices have a test of their own."""
    yield from adam(theta, gradients, betas=betas, **options)


@of("AdamW")
def adamw(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=1e-2,
    amsgrad=False,
    decoupled_weight_decay=True,
    maximize=False,
):
    """Adam with decoupled weight decay.

    Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2; lr is the paper's alpha
    and, as in torch, scales the decay too. AMSGrad as in Adam; decoupled it is always. https://arxiv.org/abs/1711.05101
    """
    (beta1, beta2), m, v, v_max = betas, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        v_max = max(v_max, v)
        m_hat = m / (1 - beta1**t)
        v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
        theta -= lr * (m_hat / (math.sqrt(v_hat) + eps) + weight_decay * theta)
        yield theta


@of("AdaMax")
def adamax(theta, gradients, *, lr=1e-2, betas=(0.9, 0.999), eps=1e-38, weight_decay=0.0, maximize=False):
    """AdaMax: Adam with the infinity norm.

    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 2, which has no eps; torch adds
    it to the magnitude of the gradient. https://arxiv.org/abs/1412.6980
    """
    (beta1, beta2), m, u = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = (-g if maximize else g) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        theta -= lr / (1 - beta1**t) * m / u
        yield theta


@of("SparseAdam")
def sparse_adam(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
    """Adam for gradients that are mostly absent (None): then nothing moves but the time.

    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", end of section 2: the order in which eps joins the
    uncorrected root; that absent gradients leave the means alone is torch's. https://arxiv.org/abs/1412.6980
    """
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        if g is not None:
            g = -g if maximize else g
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            theta -= lr * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (math.sqrt(v) + eps)
        yield theta


@of("Adamax")
def torch_adamax(theta, gradients, *, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    """AdaMax with the defaults of torch.optim.Adamax."""
    return adamax(theta, gradients, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)


@of("NAdam")
def nadam(
    theta,
    gradients,
    *,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    momentum_decay=4e-3,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Adam with Nesterov's momentum, which grows from beta1 / 2 to beta1.

    Dozat 2016, "Incorporating Nesterov Momentum into Adam", algorithm 2; m is averaged with beta1, as in
    torch, where the paper uses mu. https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    """
    (beta1, beta2), m, v, mu_product = betas, 0.0, 0.0, 1.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in (t, t + 1))
        mu_product *= mu
        m_bar = mu_next * m / (1 - mu_product * mu_next) + (1 - mu) * g / (1 - mu_product)
        theta -= lr * m_bar / (math.sqrt(v / (1 - beta2**t)) + eps)
        yield theta


@of("RAdam")
def radam(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """Adam whose step size is rectified for the variance it has while the gradients are few.

    Liu, Jiang, He, Chen, Liu, Gao & Han 2020, "On the Variance of the Adaptive Learning Rate and Beyond",
    algorithm 2; rho is held to 5 as in the authors' code and torch, where the paper has 4, and eps joins the
    uncorrected root. https://arxiv.org/abs/1908.03265
    """
    (beta1, beta2), m, v = betas, 0.0, 0.0
    rho_inf = 2 / (1 - beta2) - 1
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            theta *= 1 - lr * weight_decay
        else:
            g += weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat = m / (1 - beta1**t)
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta -= lr * r * m_hat * math.sqrt(1 - beta2**t) / (math.sqrt(v) + eps)
        else:
            theta -= lr * m_hat
        yield theta


@of("Ranger")
def ranger(
    theta,
    gradients,
    *,
    lr=1e-3,
    betas=(0.95, 0.999),
    eps=1e-5,
    weight_decay=0.0,
    lookahead=6,
    lookahead_alpha=0.5,
    maximize=False,
):
    """RAdam's steps, and every sixth one half of the way back: Wright 2019, for what is no matrix.

    https://github.com/lessw2020/Ranger-Deep-Learning-Optimizer; Lookahead: Zhang, Lucas, Hinton & Ba 2019, algorithm 1.
    """
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
    slow, moments = theta, _RAdamMoments()
    for t, g in enumerate(gradients, 1):
        theta = moments.stepped(t, theta, g, **options)
        if t % lookahead == 0:
            slow += lookahead_alpha * (theta - slow)
            theta = slow
        yield theta


class _RAdamMoments:
    """What RAdam remembers while somebody else moves the weight."""

    m = v = 0.0

    def stepped(self, t, theta, g, *, lr, betas, eps, weight_decay, maximize):
        beta1, beta2 = betas
        g = -g if maximize else g
        self.m, self.v = beta1 * self.m + (1 - beta1) * g, beta2 * self.v + (1 - beta2) * g * g
        theta *= 1 - lr * weight_decay
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho <= 5:
            return theta - lr * self.m / (1 - beta1**t)
        r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        return theta - lr * r * self.m / (1 - beta1**t) * math.sqrt(1 - beta2**t) / (math.sqrt(self.v) + eps)


@of("NAdamW")
def nadamw(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, maximize=False):
    """AdamW whose momentum has the gradient mixed in twice, both corrected by the same power.

    Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", https://arxiv.org/abs/2306.07179, baseline.
    """
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        ahead = beta1 * m + (1 - beta1) * g
        theta *= 1 - lr * weight_decay
        theta -= lr * ahead / (1 - beta1**t) / (math.sqrt(v / (1 - beta2**t)) + eps)
        yield theta


@of("Grams")
def grams(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, maximize=False):
    """Adam's size, the gradient's sign.

    Cao, Li & Song 2024, "Grams: Gradient Descent with Adaptive Momentum Scaling", algorithm 1.
    https://arxiv.org/abs/2412.17107
    """
    (beta1, beta2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        g = -g if maximize else g
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        size = abs(m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        theta *= 1 - lr * weight_decay
        theta -= lr * ((g > 0) - (g < 0)) * size
        yield theta


@of("AdamC")
def adamc(theta, gradients, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, maximize=False):
    """Corrected decay, lr squared over its peak: where lr never changes, AdamW.

    Defazio 2025, "Why Gradients Rapidly Increase Near the End of Training". https://arxiv.org/abs/2506.02285
    """
    return adamw(theta, gradients, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)
