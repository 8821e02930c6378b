"""Rules that learn how far off each weight may be, and train where it may lie."""

from dataclasses import KW_ONLY
from typing import Literal

from ...beyond_gradients.with_samples import WithSamples, loss_at
from ...formula import Unsigned, clamp, sqrt
from ...hyper import Betas, Count, NonNegative, Positive

__all__ = ["BSAM", "IVON"]


class BSAM(WithSamples):
    """Sharpness-aware minimization in a ball that is learned: wide for weights that may be far off, narrow for others.

    Moellenhoff & Khan 2023, "SAM as an optimal relaxation of Bayes", algorithm 1, with one group of examples, as in the
    authors' code. https://arxiv.org/abs/2210.01620
    `step(closure)` evaluates the closure twice: at parameters with noise, whose gradients say where the loss is worst,
    and there, for the gradient to step along, whose loss is returned. A program that goes there itself passes the
    gradients of the noisy point, as `step(hessian=gradients)`. `rho` is how far away the worst point is, in units of
    the inverse precision; `num_data` is the number of examples in the training set; `hess_init` is the precision before
    the first step; `damping` is what is added to the curvature that each step sees.
    Tune: lr as for SGD with momentum, 0.1 to 0.5; rho 0.01 to 0.05; set num_data.
    """

    lr: NonNegative = 0.5
    betas: Betas = (0.9, 0.999)
    rho: NonNegative = 0.05
    weight_decay: NonNegative = 1e-4
    damping: Positive = 0.1
    num_data: Positive = 50_000
    hess_init: Positive = 1.0
    _: KW_ONLY
    decoupled_weight_decay: Literal[False] = False

    observes_last = True

    def update(self, param, grad, exp_avg, hessian: Unsigned):
        beta1, _ = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * (grad + self.weight_decay * param)
        return param - self.lr * exp_avg / hessian, exp_avg, hessian

    def observe(self, param, seen, hessian):
        _, beta2 = self.betas
        return beta2 * hessian + (1 - beta2) * (sqrt(hessian) * abs(seen) + self.damping + self.weight_decay)

    @classmethod
    def spread(cls, group, hessian):
        """Say that what is precise does not move much."""
        return (group["num_data"] * hessian).rsqrt()

    def evaluated(self, closure, points, draws):
        """Step along the gradient of the worst point; remember the noisy one's."""
        loss = loss_at(points, closure)
        noisy = {param: param.grad.clone() for param in points if param.grad is not None}
        if noisy:
            loss = loss_at(self._worst(noisy), closure)
        return loss, noisy

    def _worst(self, grads):
        """Go up the gradient, or down it with `maximize`, further where parameters are less precise."""
        worst = {}
        for group in self.param_groups:
            rho = -group["rho"] if group["maximize"] else group["rho"]
            for param in group["params"]:
                if param in grads:
                    worst[param] = param.detach() + rho * grads[param] / self._curvature(group, param)
        return worst


class IVON(WithSamples):
    """Newton's steps with a learned diagonal Hessian, from gradients at weights drawn around their means.

    Shen et al. 2024, "Variational learning is effective for large deep networks", algorithm 1, with a rate in units of
    the first curvature, as in the authors' code. https://arxiv.org/abs/2402.17641
    `step(closure)` evaluates the closure at draws, and steps by the means of what it finds there. `mc_samples` is the
    number of draws in a step, the same in all groups. A program that goes there itself passes estimates of the
    Hessian's diagonal, as `step(hessian=estimates)`. `ess` is the effective sample size: the number of examples in the
    training set; `hess_init` is the curvature before the first step; `clip_radius` is the most that an element of a
    step may be, before the rate.
    Tune: lr 0.1 to 0.2 for images, 0.3 for text with a hess_init of 0.001; set ess; betas[1] near 1.
    """

    lr: NonNegative = 0.1
    ess: Positive = 50_000
    hess_init: Positive = 1.0
    betas: Betas = (0.9, 0.99999)
    weight_decay: Positive = 1e-4
    clip_radius: Positive | None = None
    mc_samples: Count = 1
    _: KW_ONLY
    decoupled_weight_decay: Literal[False] = False

    def update(self, param, grad, exp_avg, hessian: Unsigned):
        beta1, _ = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        step = (m_hat + self.weight_decay * param) / (hessian + self.weight_decay)
        if self.clip_radius is not None:
            step = clamp(step, -self.clip_radius, self.clip_radius)
        return param - self.lr * (self.hess_init + self.weight_decay) * step, exp_avg, hessian

    def observe(self, param, seen, hessian):
        _, beta2 = self.betas
        away, floor = hessian - seen, hessian + self.weight_decay
        mean = beta2 * hessian + (1 - beta2) * seen
        # The last term keeps the curvature above zero, whatever was seen.
        return mean + 0.5 * (1 - beta2) ** 2 * away * away / floor

    @classmethod
    def spread(cls, group, hessian):
        """Say that what is curved does not move much."""
        return (group["ess"] * (hessian + group["weight_decay"])).rsqrt()

    def draws_in_a_step(self):
        """Ask all groups, which go to a point together."""
        asked = {group["mc_samples"] for group in self.param_groups}
        if len(asked) > 1:
            raise ValueError(
                f"IVON needs one number of mc_samples, as all parameters are drawn together, but groups have "
                f"{' and '.join(map(str, sorted(asked)))}: give it to the optimizer"
            )
        return asked.pop() if asked else 1

    def evaluated(self, closure, points, draws):
        """Estimate the Hessian by Price's theorem: the gradient times the noise, over the variance."""
        loss = loss_at(points, closure)
        seen = {}
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    deviation = self.spread(group, self._curvature(group, param))
                    seen[param] = param.grad * draws[param] / deviation
        return loss, seen
