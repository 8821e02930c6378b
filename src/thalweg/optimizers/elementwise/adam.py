"""Running means of the gradient and of its size, both corrected for starting at zero."""

from dataclasses import KW_ONLY
from typing import Literal

from torch import Tensor

from ...formula import Scalar, Unsigned, maximum, sign, sqrt, where
from ...hyper import Betas, NonNegative, Positive
from ...optimizer import Optimizer
from .parts import l2

__all__ = ["Adam", "AdamC", "AdamH", "AdamW", "Grams", "NAdamW"]


class Adam(Optimizer):
    """Divide the mean gradient by the root of the mean squared gradient: steps of about lr, whatever the scale.

    Kingma & Ba 2015, "Adam: A method for stochastic optimization", algorithm 1. https://arxiv.org/abs/1412.6980
    `amsgrad` divides by the largest mean square so far: Reddi, Kale & Kumar 2018, "On the convergence of Adam and
    beyond", algorithm 2, with bias correction. https://openreview.net/forum?id=ryQu7f-RZ
    Tune: lr between 1e-4 and 1e-2, larger for larger batches; a smaller betas[1] for gradients that change fast.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    amsgrad: bool = False

    spellings = {"epsilon": "eps"}

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, max_exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        grad = l2(self, param, grad)
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        largest = exp_avg_sq
        if self.amsgrad:
            max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
            largest = max_exp_avg_sq
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = largest / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, max_exp_avg_sq

    @classmethod
    def check(cls, options, where=""):
        """Refuse what torch.optim's Adam refuses of numbers that are tensors."""
        super().check(options, where)
        first, second = options["betas"]
        given = {"lr": options["lr"], "betas[0]": first, "betas[1]": second}
        tensors = [name for name, value in given.items() if isinstance(value, Tensor)]
        if isinstance(first, Tensor) != isinstance(second, Tensor):
            raise ValueError(f"betas must be either both floats or both Tensors{where}, but {tensors[-1]} alone is one")
        if tensors and options["foreach"] and not options["capturable"]:
            raise ValueError(
                f"{tensors[0]} as a Tensor is not supported for capturable=False and foreach=True{where}: "
                f"pass {cls.__name__} a float, or leave foreach out"
            )


class AdamW(Adam):
    """Adam whose weights decay apart from the gradient: by the same share, however large their gradients were.

    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2, where lr scales the decay too, as in
    torch.optim. https://arxiv.org/abs/1711.05101
    Tune: as Adam; weight_decay between 0.01 and 0.1, and none for biases and norms; lr * weight_decay is what counts.
    """

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 1e-2
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True


class AdamH(Adam):
    """Adam on a sphere: each matrix keeps its norm, and a step has the length lr times that norm.

    Wen et al. 2026, "Fantastic pretraining optimizers and where to find them II: hyperball optimization", around Adam.
    https://arxiv.org/abs/2606.16899
    It is Adam with `hyperball=True`: weights of matrices do not decay. Vectors and single numbers take Adam's steps,
    and so does a matrix of zeros, once.
    Tune: lr is the angle of a step, about 0.02 at its peak whatever the width, with a warm-up and a decay.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.95)
    _: KW_ONLY
    hyperball: Literal[True] = True


class AdamC(Optimizer):
    """AdamW whose decay falls with the square of the learning rate, so that norms stay steady as a schedule ends.

    Defazio 2025, "Why gradients rapidly increase near the end of training", algorithm 1. https://arxiv.org/abs/2506.02285
    Weights shrink by lr**2 / peak_lr * weight_decay. `peak_lr` is the largest rate of the schedule; None takes the
    largest one so far, which is the same from there on.
    Tune: as AdamW; in the paper only weights before a normalization decay like this, and others as in AdamW.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    peak_lr: Positive | None = None

    spellings = {"max_lr": "peak_lr"}
    refuses = {"decoupled_weight_decay": "its weights decay apart from the gradient already, by a share of their own"}

    def update(self, param, grad, largest_lr: Scalar, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        if self.weight_decay:
            peak = self.peak_lr
            if peak is None:
                largest_lr = maximum(largest_lr, self.lr)
                peak = largest_lr
            param = param * (1 - where(peak > 0, self.lr * self.lr / peak, 0) * self.weight_decay)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), largest_lr, exp_avg, exp_avg_sq


class NAdamW(Optimizer):
    """AdamW with Nesterov's momentum: each step counts the newest gradient once more.

    Dozat 2016, "Incorporating Nesterov momentum into Adam", https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, as
    Dahl et al. 2023, "Benchmarking neural network training algorithms", have it as their baseline, with one bias
    correction and no schedule of the momentum. https://arxiv.org/abs/2306.07179
    Tune: as AdamW.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = (beta1 * exp_avg + (1 - beta1) * grad) / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq


class Grams(Optimizer):
    """Steps of Adam's size, in the direction of the newest gradient.

    Cao et al. 2024, "Grams: Gradient descent with adaptive momentum scaling", algorithm 1.
    https://arxiv.org/abs/2412.17107
    Tune: as AdamW.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        return param - self.lr * sign(grad) * abs(m_hat / (sqrt(v_hat) + self.eps)), exp_avg, exp_avg_sq
