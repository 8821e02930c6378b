"""For gradients that name only some elements: large tables of which a batch uses a few rows."""

import torch

from ...formula import Unsigned, sqrt
from ...hyper import Betas, NonNegative
from ...optimizer import Optimizer

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients: elements without a gradient keep their means, and do not move.

    Kingma & Ba 2015, "Adam: A method for stochastic optimization", the reordered form at the end of section 2, with eps
    beside the uncorrected root, as in torch.optim. https://arxiv.org/abs/1412.6980
    Tune: as Adam; the bias correction counts all steps, so rows that come late take longer ones at first.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8

    layouts = frozenset({torch.sparse_coo})
    step_type = int

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        size = self.lr * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        return param - size * exp_avg / (sqrt(exp_avg_sq) + self.eps), exp_avg, exp_avg_sq

    @classmethod
    def unfit(cls, param, options):
        """Its table is dense and real."""
        if param.is_sparse:
            return "SparseAdam requires dense parameter tensors", "is sparse: pass param.to_dense()"
        if param.is_complex():
            return "SparseAdam does not support complex parameters", f"is {param.dtype}: pass torch.view_as_real(param)"
        return None
