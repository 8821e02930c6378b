"""Momentum over the Hessian's diagonal, bounded element by element."""

from dataclasses import KW_ONLY
from typing import Literal

from ...beyond_gradients.with_hessian import WithHessian
from ...formula import Unsigned, clamp, maximum, minimum, sign
from ...hyper import Betas, NonNegative, Positive

__all__ = ["SophiaG", "SophiaH"]


class SophiaG(WithHessian):
    """Momentum divided by a running mean of curvature, from labels that the model draws; no step exceeds lr.

    Liu et al. 2023, "Sophia: A scalable stochastic second-order optimizer for language model pre-training", algorithm 3
    with the estimator of algorithm 2: Gauss, Newton and Bartlett's. https://arxiv.org/abs/2305.14342
    Every ten steps or so, sample labels from the model's own output, take the mean loss of these, call its
    `backward()`, then `optimizer.update_hessian()`, then `zero_grad()`; the squares of these gradients, times
    `batch_size`, are the curvature. `batch_size` counts what the loss is a mean of: tokens. `eps` is added to the
    denominator. Until the first call, every element moves by lr.
    Tune: lr 0.8 of AdamW's; rho so that a tenth to a half of the elements are not bounded; weight_decay twice AdamW's.
    """

    lr: NonNegative = 1e-4
    betas: Betas = (0.965, 0.99)
    rho: NonNegative = 0.04
    weight_decay: NonNegative = 1e-1
    batch_size: Positive = 5120
    eps: NonNegative = 1e-15
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    counts_steps = False

    def update(self, param, grad, exp_avg, hessian: Unsigned):
        beta1, _ = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        share = minimum(abs(exp_avg) / (self.rho * self.batch_size * hessian + self.eps), 1)
        return param - self.lr * sign(exp_avg) * share, exp_avg, hessian

    def observe(self, param, seen, hessian):
        _, beta2 = self.betas
        return beta2 * hessian + (1 - beta2) * seen * seen

    def estimates(self):
        """Take the gradients of sampled labels, as they are."""
        found = [param.grad for param in self._params()]
        if all(grad is None for grad in found):
            raise RuntimeError(
                "SophiaG.update_hessian needs gradients of labels that the model has drawn, but no parameter has one: "
                "call backward() on their loss before it"
            )
        return found


class SophiaH(WithHessian):
    """Momentum divided by a running mean of curvature, from products with the Hessian; no step exceeds lr.

    Liu et al. 2023, "Sophia: A scalable stochastic second-order optimizer for language model pre-training", algorithm 3
    with the estimator of algorithm 1: Hutchinson's. https://arxiv.org/abs/2305.14342
    Every ten steps or so, pass `step(hessian=thalweg.hutchinson(model.parameters(), loss))`, computed before
    `loss.backward()`; or call `loss.backward(create_graph=True)` and `optimizer.update_hessian()`. `eps` is the least
    denominator, also where a curvature is negative. Until the first estimate, every element moves by lr.
    Tune: lr 0.8 of AdamW's; rho so that a tenth to a half of the elements are not bounded; weight_decay twice AdamW's.
    """

    lr: NonNegative = 1e-4
    betas: Betas = (0.96, 0.99)
    rho: NonNegative = 0.01
    weight_decay: NonNegative = 1e-1
    eps: Positive = 1e-12
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    counts_steps = False

    def update(self, param, grad, exp_avg, hessian):
        beta1, _ = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        step = clamp(exp_avg / maximum(self.rho * hessian, self.eps), -1, 1)
        return param - self.lr * step, exp_avg, hessian

    def observe(self, param, seen, hessian):
        _, beta2 = self.betas
        return beta2 * hessian + (1 - beta2) * seen
