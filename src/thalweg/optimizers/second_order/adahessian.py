"""Adam with the Hessian's diagonal in the place of the gradient's square."""

from dataclasses import KW_ONLY
from typing import Annotated, Literal

from ...beyond_gradients.with_hessian import WithHessian
from ...formula import Sides, Unsigned, exp, log, row_mean, sqrt
from ...hyper import SMALLEST, Betas, NonNegative, Number, Range

__all__ = ["AdaHessian"]


class AdaHessian(WithHessian):
    """Adam that divides by the root of the mean squared curvature: steps are Newton's, axis by axis.

    Yao et al. 2021, "AdaHessian: An adaptive second order optimizer for machine learning", algorithm 1, with weights
    that decay apart from the gradient, as in the authors' code.
    https://arxiv.org/abs/2006.00719
    In each step pass `step(hessian=thalweg.hutchinson(model.parameters(), loss))`, computed before `loss.backward()`;
    or call `loss.backward(create_graph=True)` and `optimizer.update_hessian()`. If you do that more rarely, the last
    estimate is used in between. `hessian_power` of 1 is Newton's, and less is nearer to momentum. `avg_conv_kernel`
    averages the sizes of the estimates over each kernel of a convolution, that is, over all dimensions but the first
    two: the spatial averaging of the paper.
    Tune: lr 0.1 to 0.15, whatever Adam's is, and everything else as for Adam.
    """

    lr: NonNegative = 1e-1
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    hessian_power: Annotated[Number, Range(SMALLEST, 1)] = 1.0
    avg_conv_kernel: bool = False
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    needs_hessian = True

    def update(self, param, grad, exp_avg, exp_hessian_diag_sq: Unsigned, hessian):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        size = row_mean(abs(hessian)) if self.avg_conv_kernel and self.ndim > 2 else hessian
        exp_hessian_diag_sq = beta2 * exp_hessian_diag_sq + (1 - beta2) * size * size
        m_hat = exp_avg / (1 - beta1**self.step_count)
        root = sqrt(exp_hessian_diag_sq / (1 - beta2**self.step_count))
        curvature = root if self.hessian_power >= 1 else exp(self.hessian_power * log(root))
        return param - self.lr * m_hat / (curvature + self.eps), exp_avg, exp_hessian_diag_sq, hessian

    def observe(self, param, seen, hessian):
        return seen

    @classmethod
    def sides(cls, shape, options):
        """Take each kernel of a convolution as a row of its places."""
        if options["avg_conv_kernel"] and len(shape) > 2:
            return Sides((0, 1), tuple(range(2, len(shape))), len(shape))
        return super().sides(shape, options)
