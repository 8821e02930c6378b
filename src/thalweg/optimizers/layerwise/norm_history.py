"""Adam on gradients whose norm is compared with what it used to be."""

from dataclasses import KW_ONLY
from typing import Annotated, Literal

from ...formula import Scalar, Unsigned, minimum, sqrt, where
from ...hyper import Betas, Decay, NonNegative, Positive, Whole
from ...optimizer import Optimizer
from .trust_ratio import norm

__all__ = ["AdaGC", "AdaNorm"]


class AdaNorm(Optimizer):
    """Adam on gradients of which none is shorter than usual: those that are get lengthened to the mean norm.

    Dubey, Singh & Chaudhuri 2023, "AdaNorm: Adaptive gradient norm correction based optimizer for CNNs", algorithm 2
    (AdamNorm). https://arxiv.org/abs/2210.06364
    `r` is the share of the old mean norm that stays in each step; the mean starts at zero. The mean square is that of
    the gradients as they came.
    Tune: as Adam, with r from 0.9 to 0.99.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    r: Decay = 0.95

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, exp_grad_norm: Scalar):
        beta1, beta2 = self.betas
        grad = grad + self.weight_decay * param
        length = norm(grad)
        exp_grad_norm = self.r * exp_grad_norm + (1 - self.r) * length
        stretch = where(length > 0, where(exp_grad_norm > length, exp_grad_norm / length, 1), 1)
        exp_avg = beta1 * exp_avg + (1 - beta1) * (stretch * grad)
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, exp_grad_norm


class AdaGC(Optimizer):
    """AdamW that shortens the gradient of each parameter to little more than its own mean norm: no spikes of the loss.

    Wang et al. 2025, "AdaGC: Enhancing LLM pretraining stability via adaptive gradient clipping", algorithm 1 around
    AdamW. https://arxiv.org/abs/2502.11034
    In the steps before `warmup_steps` the common norm of all gradients is clipped at `lambda_abs`, and the smallest
    norm of each parameter's gradient is remembered. From then on a gradient is at most `lambda_rel` times as long as
    the mean of clipped norms, of which the share `beta` stays in each step.
    Tune: as AdamW, without max_grad_norm.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-1
    beta: Decay = 0.98
    lambda_abs: Positive = 1.0
    lambda_rel: Positive = 1.05
    warmup_steps: Annotated[int, Whole(0)] = 100
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    needs_grad_norm = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, mean_norm: Scalar):
        beta1, beta2 = self.betas
        length = norm(grad)
        starts = (self.step_count < self.warmup_steps) | self.is_first_step
        limit = where(starts, self.lambda_abs, self.lambda_rel * mean_norm)
        measured = where(starts, self.grad_norm, length)
        share = where(measured > limit, limit / measured, 1)
        clipped_norm = share * length
        least = where(self.is_first_step, clipped_norm, minimum(mean_norm, clipped_norm))
        mean_norm = where(starts, least, self.beta * mean_norm + (1 - self.beta) * clipped_norm)
        grad = share * grad
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, mean_norm
