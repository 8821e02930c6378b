"""Averages in place of a schedule: the mean of all points is as good as the last one of a schedule that ends."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from ...beyond_gradients.two_points import TwoPoints
from ...formula import Copy, Scalar, Unsigned, lerp, maximum, minimum, sqrt, where
from ...hyper import SMALLEST, Fraction, NonNegative, Number, Range, Several
from .parts import l2

__all__ = ["GPAAdamW", "ScheduleFreeAdamW", "ScheduleFreeRAdam", "ScheduleFreeSGD"]

Between = Annotated[Number, Range(SMALLEST, 1, below=True)]
"""A share that leaves something to both sides: of nothing no mean could be found again."""

OpenBetas = Annotated[tuple[Number, Number], Several((Range(SMALLEST, 1, below=True), Range(0, 1, below=True)))]

OTHERWISE = {
    "decoupled_weight_decay": "decay belongs to both of its points: weight_decay alone does that",
    "cautious": "a step of its parameters is the difference of two points, and no step along a gradient",
    "hyperball": "the norm of one of two points says nothing of the other",
    "lookahead": "walks of one of two points say nothing of the other",
    "ema_decay": "eval() puts an average in place already",
}
"""What would make another method of rules with two points."""


class NewestAndMean(TwoPoints):
    """What these rules have in common: gradients are taken between the newest point z and the mean of all."""

    refuses = OTHERWISE
    towards_the_mean: ClassVar[Callable[..., Any]]
    """Gives how far from z towards the mean that is."""

    def average(self, param, z):
        return lerp(param, z, 1 - 1 / self.towards_the_mean())

    def training_point(self, param, z):
        return lerp(param, z, 1 - self.towards_the_mean())


class ScheduleFreeSGD(NewestAndMean):
    """SGD whose result is a running mean of its points: no schedule, and no need to know when training will end.

    Defazio et al. 2024, "The road less scheduled", equations 1 to 3. https://arxiv.org/abs/2405.15682
    Gradients are taken `momentum` of the way from the fast point z to the mean. In the mean, step t has the weight t**r
    * (largest lr so far)**weight_lr_power; lr grows to its value over `warmup_steps`. Call `eval()` before
    validation and `train()` after it; models with BatchNorm need statistics that are taken at the mean.
    Tune: lr 10 to 50 times that of SGD with momentum, no schedule; momentum up to 0.98.
    """

    lr: NonNegative = 1.0
    momentum: Between = 0.9
    weight_decay: NonNegative = 0
    warmup_steps: NonNegative = 0
    r: NonNegative = 0
    weight_lr_power: NonNegative = 2.0

    def update(self, param, grad, z: Copy, weight_sum: Scalar, lr_max: Scalar):
        grad = l2(self, param, grad)
        lr = warmed_up(self)
        share, weight_sum, lr_max = share_of_this_step(self, lr, weight_sum, lr_max)
        return moved(param, z, share, self.momentum, lr, grad), z - lr * grad, weight_sum, lr_max

    def towards_the_mean(self):
        return self.momentum


class ScheduleFreeAdamW(NewestAndMean):
    """AdamW whose result is a running mean of its points, in place of momentum and schedule.

    Defazio et al. 2024, "The road less scheduled", algorithm 1. https://arxiv.org/abs/2405.15682
    Options are those of ScheduleFreeSGD, with betas[0] as the momentum; weights decay at the point of the gradient.
    Tune: lr 1 to 10 times AdamW's, a warm-up and no schedule; betas[0] 0.95 or 0.98 for long runs.
    """

    lr: NonNegative = 2.5e-3
    betas: OpenBetas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    warmup_steps: NonNegative = 0
    r: NonNegative = 0
    weight_lr_power: NonNegative = 2.0

    def update(self, param, grad, z: Copy, exp_avg_sq: Unsigned, weight_sum: Scalar, lr_max: Scalar):
        beta1, beta2 = self.betas
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        step = l2(self, param, grad / (sqrt(v_hat) + self.eps))
        lr = warmed_up(self)
        share, weight_sum, lr_max = share_of_this_step(self, lr, weight_sum, lr_max)
        return moved(param, z, share, beta1, lr, step), z - lr * step, exp_avg_sq, weight_sum, lr_max

    def towards_the_mean(self):
        return self.betas[0]


class ScheduleFreeRAdam(NewestAndMean):
    """Schedule-Free AdamW that needs no warm-up: steps are short while the mean square is uncertain.

    Defazio et al. 2024, "The road less scheduled", https://arxiv.org/abs/2405.15682, with the rectification of Liu et
    al. 2020, https://arxiv.org/abs/1908.03265, from a rho of 4 on as the authors' code has it. Before, there is no
    step, or with `silent_sgd_phase=False` one of plain descent.
    Tune: as ScheduleFreeAdamW.
    """

    lr: NonNegative = 2.5e-3
    betas: OpenBetas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    r: NonNegative = 0
    weight_lr_power: NonNegative = 2.0
    silent_sgd_phase: bool = True

    def update(self, param, grad, z: Copy, exp_avg_sq: Unsigned, weight_sum: Scalar, lr_max: Scalar):
        beta1, beta2 = self.betas
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        correction = 1 - beta2**self.step_count
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * self.step_count * beta2**self.step_count / correction
        is_known = rho > 4
        step = where(is_known, grad / (sqrt(exp_avg_sq / correction) + self.eps), grad)
        step = l2(self, param, step)
        known = where(is_known, rho, 5)  # else the result is not used
        rectified = sqrt((known - 4) * (known - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * known))
        lr = self.lr * where(is_known, rectified, 0 if self.silent_sgd_phase else 1)
        share, weight_sum, lr_max = share_of_this_step(self, lr, weight_sum, lr_max)
        return moved(param, z, share, beta1, lr, step), z - lr * step, exp_avg_sq, weight_sum, lr_max

    def towards_the_mean(self):
        return self.betas[0]


class GPAAdamW(NewestAndMean):
    """AdamW with a running mean of its points; gradients are taken between the mean and the newest point.

    Defazio et al. 2025, "Smoothing DiLoCo with primal averaging for faster training of LLMs", algorithm 1: generalized
    primal averaging. https://arxiv.org/abs/2512.17131
    `mu_x` is the share of the mean that stays in each step, `mu_y` how far from the newest point towards the mean
    gradients are taken. Call `eval()` before validation and `train()` after it.
    Tune: as AdamW, with its schedule; mu_x 0.9967 remembers 300 steps.
    """

    lr: NonNegative = 1e-3
    betas: OpenBetas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    mu_y: Between = 0.7
    mu_x: Fraction = 0.9967

    def update(self, param, grad, z: Copy, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        step = l2(self, param, m_hat / (sqrt(v_hat) + self.eps))
        return moved(param, z, 1 - self.mu_x, self.mu_y, self.lr, step), z - self.lr * step, exp_avg, exp_avg_sq

    def towards_the_mean(self):
        return self.mu_y


def moved(param, z, share, momentum, lr, step):
    """Move the point of gradients as the mean takes in a share of the new z, without computing the mean.

    With x the mean, param is z + momentum * (x - z); so is what comes out, of the new x and z.
    """
    return lerp(param, z, share) - lr * (1 - momentum * (1 - share)) * step


def warmed_up(self):
    """Let the learning rate grow over the first steps."""
    return self.lr * minimum(self.step_count / self.warmup_steps, 1) if self.warmup_steps else self.lr


def share_of_this_step(self, lr, weight_sum, lr_max):
    """Say what the newest point counts for in the mean of all, and remember what they weigh."""
    lr_max = maximum(lr_max, lr)
    weight = self.step_count**self.r * lr_max**self.weight_lr_power
    weight_sum = weight_sum + weight
    return where(weight_sum > 0, weight / weight_sum, 0), weight_sum, lr_max
