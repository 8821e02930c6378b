"""Rates from a model of the loss, which past losses and gradients make: how far it can fall along the momentum."""

from typing import Any, ClassVar

from ...beyond_gradients.with_loss import WithLoss
from ...formula import Unsigned, maximum, minimum, sqrt, total, total_square, where
from ...hyper import AnyNumber, Betas, Decay, NonNegative
from .polyak import OTHERWISE

__all__ = ["MoMo", "MoMoAdam"]


class MomentumModel(WithLoss):
    """What both rules have in common: the model, and how far it goes down to the bound of the loss.

    The model is the running mean of the lines that losses and gradients have drawn so far. Where it is now follows from
    three sums over all parameters: of gradients and of momenta times parameters, and of momenta squared.
    """

    lr: NonNegative = 1.0
    weight_decay: NonNegative = 0
    lb: AnyNumber = 0.0
    use_fstar: bool = False

    slope: ClassVar[Any]
    way: ClassVar[Any]
    square: ClassVar[Any]
    loss_avg: ClassVar[Any]
    slope_avg: ClassVar[Any]
    bound: ClassVar[Any]
    steps: ClassVar[Any]

    spellings = {"lower_bound": "lb", "adapt_lower_bound": "use_fstar"}
    surveys = ("slope", "way", "square")
    learned = ("loss_avg", "slope_avg", "bound", "steps")
    refuses = OTHERWISE | {
        "max_grad_norm": "losses are those of gradients as they are, and not of shorter ones",
        "clip_value": "losses are those of gradients as they are, and not of shorter ones",
        "decoupled_weight_decay": "its weights decay apart from the gradient already, after the step",
    }

    def share(self):
        """Give the share of old means that stays in this step."""
        raise NotImplementedError

    def known(self):
        """Give the sum of all weights in a mean."""
        raise NotImplementedError

    def mean(self, old, new):
        """Take a number into its running mean; where the start is not corrected for, the first one is the mean."""
        share = self.share()
        return share * old + (1 - share) * new

    def rate(self, slope, way, square):
        """Say how far the model says to go, at most by lr; and how far that is in its own units, and the bound."""
        loss, slope = self.mean(self.loss_avg, self.loss), self.mean(self.slope_avg, slope)
        known, shrink, bound = self.known(), 1 + self.lr * self.weight_decay, self.bound
        if self.use_fstar:
            least = shrink * (loss - slope) + way
            lower = maximum(least / (2 * shrink * known), self.lb)
            bound = where(least < shrink * known * bound, lower, bound)
        gap = maximum(shrink * (loss - known * bound - slope) + way, 0)
        rate = minimum(self.lr / known, where(square > 0, gap / square, 0.0))
        return rate, maximum((loss + way - slope - rate * square / 2) / known, self.lb)

    @classmethod
    def start(cls, options):
        """Begin without a loss, and with the bound that is given."""
        return {"loss_avg": 0.0, "slope_avg": 0.0, "bound": options["lb"], "steps": 0.0}

    def learn(self, slope, way, square):
        """Take the loss and the gradients into their means; a step that was left out is none."""
        bound = self.rate(slope, way, square)[1] if self.use_fstar else self.bound
        new = {
            "loss_avg": self.mean(self.loss_avg, self.loss),
            "slope_avg": self.mean(self.slope_avg, slope),
            "bound": bound,
            "steps": self.steps + 1,
        }
        return {name: where(square < float("inf"), value, getattr(self, name)) for name, value in new.items()}


class MoMo(MomentumModel):
    """Momentum whose rate would bring a model of the loss to its bound: the mean of all lines along past gradients.

    Schaipp et al. 2023, "MoMo: Momentum models for adaptive learning rates", algorithm 1, and 3 with `use_fstar`.
    https://arxiv.org/abs/2305.07583
    Call `step(loss=loss)`, or `step(closure)`. `lr` is the largest rate, and may be large. `lb` is a lower bound of the
    loss; `use_fstar` says that it only bounds an estimate of the least loss, which is learned on the way.
    `bias_correction` starts all means at zero, and corrects for it. All groups share the model; its bound follows the
    first one.
    Tune: lr 1, or the largest rate of a schedule; lb 0 for losses that can fall to zero.
    """

    lr: NonNegative = 1.0
    weight_decay: NonNegative = 0
    beta: Decay = 0.9
    lb: AnyNumber = 0.0
    bias_correction: bool = False
    use_fstar: bool = False

    counts_steps = False

    def update(self, param, grad, grad_avg):
        grad_avg = self.mean(grad_avg, grad)
        rate, _ = self.rate(self.slope, self.way, self.square)
        return (param - rate * grad_avg) / (1 + self.lr * self.weight_decay), grad_avg

    def survey(self, param, grad, grad_avg):
        """Sum what the model needs."""
        grad_avg = self.mean(grad_avg, grad)
        return total(param * grad), total(param * grad_avg), total_square(grad_avg)

    def share(self):
        """Give the share of old means that stays in this step."""
        return self.beta if self.bias_correction else self.beta * minimum(self.steps, 1)

    def known(self):
        """Give the sum of all weights in a mean."""
        return 1 - self.beta ** (self.steps + 1) if self.bias_correction else 1.0


class MoMoAdam(MomentumModel):
    """MoMo with Adam's root mean square gradient as the measure of distances.

    Schaipp et al. 2023, "MoMo: Momentum models for adaptive learning rates", algorithm 2, and 4 with `use_fstar`.
    https://arxiv.org/abs/2305.07583
    Call `step(loss=loss)`, or `step(closure)`. Options are those of MoMo and Adam; `divide` divides decaying weights by
    1 + lr * weight_decay after the step, and False multiplies them by 1 - lr * weight_decay before it, as AdamW does.
    Tune: lr 1e-2, ten times Adam's; lb 0 for losses that can fall to zero.
    """

    lr: NonNegative = 1e-2
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    lb: AnyNumber = 0.0
    divide: bool = True
    use_fstar: bool = False

    counts_steps = False

    def update(self, param, grad, grad_avg, grad_avg_sq: Unsigned):
        grad_avg, grad_avg_sq, root = self.moments(grad, grad_avg, grad_avg_sq)
        rate, _ = self.rate(self.slope, self.way, self.square)
        if self.divide:
            return (param - rate * grad_avg / root) / (1 + self.lr * self.weight_decay), grad_avg, grad_avg_sq
        return param * (1 - self.lr * self.weight_decay) - rate * grad_avg / root, grad_avg, grad_avg_sq

    def moments(self, grad, grad_avg, grad_avg_sq):
        """Take a gradient into Adam's means, and give what it divides by; steps are the optimizer's."""
        beta2 = self.betas[1]
        grad_avg_sq = beta2 * grad_avg_sq + (1 - beta2) * grad * grad
        return self.mean(grad_avg, grad), grad_avg_sq, sqrt(grad_avg_sq / (1 - beta2 ** (self.steps + 1))) + self.eps

    def survey(self, param, grad, grad_avg, grad_avg_sq):
        """Sum what the model needs."""
        grad_avg, _, root = self.moments(grad, grad_avg, grad_avg_sq)
        return total(param * grad), total(param * grad_avg), total(grad_avg * grad_avg / root)

    def share(self):
        """Give the share of old means that stays in this step: they start at zero."""
        return self.betas[0]

    def known(self):
        """Give the sum of all weights in a mean."""
        return 1 - self.betas[0] ** (self.steps + 1)
