"""Rules that compare each weight's mean square with that of the whole model."""

from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

from ...formula import Unsigned, clamp, sqrt, total_square, where
from ...hyper import Betas, Fraction, NonNegative
from ...optimizer import Optimizer

__all__ = ["Adai", "AdamS"]


class MeanSquare(Optimizer):
    """What Adai and AdamS have in common: the mean of all mean squares, corrected for starting at zero.

    It is known within the step: the mean of means is a running mean of the common norm of all gradients, squared.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)

    square_sum: ClassVar[Any]
    left: ClassVar[Any]
    elements: ClassVar[Any]

    needs_grad_norm = True
    measures = ("slope_square",)
    learned = ("square_sum", "left", "elements")
    starts_from_parameters = True
    refuses = {
        "max_tensor_norm": "the norm of all gradients is known before tensors are clipped by themselves",
        "grokfast": "the norm of all gradients is known before slow gradients are added",
        "gradient_centralization": "the norm of all gradients is known before means are taken off",
    }

    def model_mean(self):
        """Take the mean over all elements of the model, of their mean squares with this step's gradients."""
        beta2 = self.betas[1]
        square_sum = beta2 * self.square_sum + (1 - beta2) * self.grad_norm * self.grad_norm
        # Where nobody has counted, as on a page of the book, the parameter is the model.
        elements = where(self.elements > 0, self.elements, self.numel)
        return square_sum / (1 - beta2 * self.left) / elements

    @classmethod
    def start(cls, options):
        """Begin without a gradient."""
        return {"square_sum": 0.0, "left": 1.0, "elements": 0.0}

    def add_param_group(self, param_group):
        """Add parameters, as every optimizer does, and count their elements."""
        super().add_param_group(param_group)
        tensors = [param for group in self.param_groups for param in group["params"]]
        elements = float(sum(param.numel() * (2 if param.is_complex() else 1) for param in tensors))
        for group in self.param_groups:
            group["elements"] = elements

    def learn(self, slope_square):
        """Remember all squared gradients, the newest most."""
        beta2 = self.betas[1]
        return {
            "square_sum": beta2 * self.square_sum + (1 - beta2) * slope_square,
            "left": beta2 * self.left,
            "elements": self.elements,
        }


class Adai(MeanSquare):
    """Momentum that is shorter for weights with larger gradients; the learning rate is the same for all.

    Xie et al. 2022, "Adaptive inertia: Disentangling the effects of adaptive learning rate and momentum", algorithm 2,
    and with weight_decay AdaiW. https://arxiv.org/abs/2006.15815
    betas[0] sets the momenta: a weight whose mean square equals that of the model has a momentum of 1 - betas[0]. `eps`
    is the least distance of a momentum from 1.
    Tune: lr 10 times that of SGD with momentum 0.9, with its schedule.
    """

    betas: Betas = (0.1, 0.99)
    eps: Fraction = 1e-3
    weight_decay: NonNegative = 0
    _: KW_ONLY
    decoupled_weight_decay: Literal[True] = True

    precise = frozenset({"beta1_prod"})

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, beta1_prod):
        beta0, beta2 = self.betas
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        mean = self.model_mean()
        beta1 = clamp(1 - where(mean > 0, beta0 / mean, 0) * v_hat, 0, 1 - self.eps)
        beta1_prod = beta1_prod * beta1
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        m_hat = exp_avg / (1 - beta1_prod)
        return param - self.lr * m_hat, exp_avg, exp_avg_sq, beta1_prod, total_square(grad)

    def initial_beta1_prod(self):
        """A product of nothing."""
        return 1


class AdamS(MeanSquare):
    """Adam whose weight decay stays in proportion to its steps while gradients become smaller.

    Xie et al. 2023, "On the overlooked pitfalls of weight decay and how to mitigate them: A gradient-norm perspective",
    algorithm 3. https://arxiv.org/abs/2011.11152
    Weights shrink by lr * weight_decay over the root of the model's mean square.
    Tune: as Adam; weight_decay from 1e-4 to 1e-3, since it is divided by what the steps are divided by.
    """

    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-4

    refuses = MeanSquare.refuses | {
        "decoupled_weight_decay": "its weights decay apart from the gradient already, by a share of their own"
    }

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        if self.weight_decay:
            mean = self.model_mean()
            param = param * (1 - where(mean > 0, self.lr * self.weight_decay / sqrt(mean), 0))
        return param - self.lr * m_hat / (sqrt(v_hat) + self.eps), exp_avg, exp_avg_sq, total_square(grad)
