"""Rules that find their learning rate from a bound on the distance to the solution: D-Adaptation."""

from math import inf
from typing import Annotated, Any, ClassVar

from ...formula import Copy, Unsigned, lerp, maximum, minimum, sign, sqrt, total, total_square, where
from ...hyper import Betas, Decay, NonNegative, Positive, Range, ThreeBetas
from ...optimizer import Optimizer

__all__ = ["DAdaptAdaGrad", "DAdaptAdam", "DAdaptAdan", "DAdaptLion", "DAdaptSGD"]

Growth = Annotated[float, Range(1)]

OTHERWISE = {"decoupled_weight_decay": "it would leave d out of the decay"}


class DAdaptAdam(Optimizer):
    """Adam in units of d, a lower bound of the distance to the solution, which grows as gradients reveal it.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", algorithm 5, as in the authors' package.
    https://arxiv.org/abs/2301.07733
    A group's `d` is the estimate, the same for all groups, and lr * d its learning rate; `growth_rate` bounds how many
    times larger `d` may become in a step. A group whose lr is 0 does not move. `decouple` lets weights decay by lr * d.
    Tune: leave lr at 1, with the schedule that the rule alone would have; Prodigy is its quicker successor.
    """

    lr: NonNegative = 1.0
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    decouple: bool = False
    use_bias_correction: bool = False
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    numerator_weighted: ClassVar[Any]

    measures = ("progress", "distance")
    learned = ("d", "numerator_weighted")
    refuses = OTHERWISE

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned, s):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, exp_avg, exp_avg_sq, s, nothing, nothing
        beta1, beta2 = self.betas
        rate = self.lr * self.d
        if self.use_bias_correction:
            rate = rate * sqrt(1 - beta2**self.step_count) / (1 - beta1**self.step_count)
        if not self.decouple:
            grad = grad + self.weight_decay * param
        progress = total(rate * grad * s / (sqrt(exp_avg_sq) + self.eps))
        exp_avg = beta1 * exp_avg + (1 - beta1) * rate * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        s = sqrt(beta2) * s + (1 - sqrt(beta2)) * rate * grad
        if self.decouple:
            param = param * (1 - rate * self.weight_decay)
        param = param - exp_avg / (sqrt(exp_avg_sq) + self.eps)
        return param, exp_avg, exp_avg_sq, s, progress, total(abs(s))

    @classmethod
    def start(cls, options):
        """Begin with the smallest estimate."""
        return {"d": options["d0"], "numerator_weighted": 0.0}

    def learn(self, progress, distance):
        """Estimate the distance anew, and never smaller."""
        root = sqrt(self.betas[1])
        numerator = root * self.numerator_weighted + (1 - root) * progress
        d = grown(self, numerator / ((1 - root) * distance))
        return where_known(self, distance, {"d": d, "numerator_weighted": numerator})


class DAdaptLion(Optimizer):
    """Lion in units of d.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", https://arxiv.org/abs/2301.07733; the rule
    for Lion is that of the authors' package, where the momentum is in units of lr * d, and the gradient is not.
    Options are those of DAdaptAdam; weights decay by lr * d.
    """

    lr: NonNegative = 1.0
    betas: Betas = (0.9, 0.99)
    weight_decay: NonNegative = 0
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    numerator_weighted: ClassVar[Any]

    counts_steps = False
    measures = ("progress", "distance")
    learned = ("d", "numerator_weighted")
    refuses = OTHERWISE
    start, learn = DAdaptAdam.start, DAdaptAdam.learn

    def update(self, param, grad, exp_avg, s):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, exp_avg, s, nothing, nothing
        beta1, beta2 = self.betas
        rate = self.lr * self.d
        direction = sign(beta1 * exp_avg + (1 - beta1) * grad)
        progress = total(rate * direction * s)
        exp_avg = beta2 * exp_avg + (1 - beta2) * rate * grad
        s = sqrt(beta2) * s + (1 - sqrt(beta2)) * rate * direction
        param = param * (1 - rate * self.weight_decay) - rate * direction
        return param, exp_avg, s, progress, total(abs(s))


class DAdaptSGD(Optimizer):
    """SGD with momentum in units of d over the norm of the model's first gradient.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", algorithm 4. https://arxiv.org/abs/2301.07733
    Options are those of DAdaptAdam. Each step moves from the start by the sum of all gradients; the momentum is that of
    the mean of such points.
    """

    lr: NonNegative = 1.0
    momentum: Decay = 0.0
    weight_decay: NonNegative = 0
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    numerator_weighted: ClassVar[Any]
    g0_norm: ClassVar[Any]

    counts_steps = False
    needs_grad_norm = True
    measures = ("progress", "distance_square", "slope_square")
    learned = ("d", "numerator_weighted", "g0_norm")
    refuses = OTHERWISE | {
        "max_tensor_norm": "the norm of the model's first gradient is known before tensors are clipped by themselves",
        "grokfast": "the norm of the model's first gradient is known before slow gradients are added",
    }

    def update(self, param, grad, s, x0: Copy):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, s, x0, nothing, nothing, nothing
        norm = where(self.g0_norm > 0, self.g0_norm, self.grad_norm)
        # Before the first gradient other than zero nothing is learned.
        rate = self.lr * self.d / where(norm > 0, norm, inf)
        slope = total_square(grad)
        grad = grad + self.weight_decay * param
        progress = total(rate * grad * s)
        s = s + rate * grad
        param = lerp(x0 - s, param, self.momentum)
        return param, s, x0, progress, total_square(s), slope

    @classmethod
    def start(cls, options):
        """Begin with the smallest estimate, and no gradient."""
        return {"d": options["d0"], "numerator_weighted": 0.0, "g0_norm": 0.0}

    def learn(self, progress, distance_square, slope_square):
        """Estimate the distance anew, and never smaller; the first gradient is remembered."""
        numerator = self.numerator_weighted + progress
        first = self.g0_norm + (self.g0_norm <= 0) * sqrt(slope_square)
        d = grown(self, 2 * numerator / sqrt(distance_square))
        return where_known(self, distance_square, {"d": d, "numerator_weighted": numerator, "g0_norm": first})


class DAdaptAdaGrad(Optimizer):
    """Adagrad in units of d, by dual averaging from the start.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", algorithm 3. https://arxiv.org/abs/2301.07733
    Options are those of DAdaptAdam, `momentum` as in DAdaptSGD.
    """

    lr: NonNegative = 1.0
    momentum: Decay = 0.0
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    sksq_weighted: ClassVar[Any]
    skl1: ClassVar[Any]
    gsq_weighted: ClassVar[Any]

    counts_steps = False
    measures = ("square_change", "distance_change", "gradients")
    learned = ("d", "sksq_weighted", "skl1", "gsq_weighted")
    refuses = OTHERWISE

    def update(self, param, grad, sum: Unsigned, s, x0: Copy):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, sum, s, x0, nothing, nothing, nothing
        rate = self.lr * self.d
        grad = grad + self.weight_decay * param
        before, size = s * s / (sqrt(sum) + self.eps), abs(s)
        sum = sum + grad * grad
        s = s + rate * grad
        root = sqrt(sum) + self.eps
        param = lerp(x0 - s / root, param, self.momentum)
        changes = total(s * s / root - before), total(abs(s) - size)
        return param, sum, s, x0, *changes, total(rate * grad * rate * grad / root)

    def initial_sum(self):
        """Not zero, as in the authors' package."""
        return 1e-6

    @classmethod
    def start(cls, options):
        """Begin with the smallest estimate."""
        return {"d": options["d0"], "sksq_weighted": 0.0, "skl1": 0.0, "gsq_weighted": 0.0}

    def learn(self, square_change, distance_change, gradients):
        """Estimate the distance anew, and never smaller."""
        square, distance = self.sksq_weighted + square_change, self.skl1 + distance_change
        gradients = self.gsq_weighted + gradients
        d = grown(self, (square - gradients) / distance)
        new = {"d": d, "sksq_weighted": square, "skl1": distance, "gsq_weighted": gradients}
        return where_known(self, distance, new)


class DAdaptAdan(Optimizer):
    """Adan in units of d, without bias corrections.

    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", https://arxiv.org/abs/2301.07733; the rule
    for Adan is that of the authors' package.
    Options are those of DAdaptAdam and Adan; `no_prox` subtracts the decay before the step.
    """

    lr: NonNegative = 1.0
    betas: ThreeBetas = (0.98, 0.92, 0.99)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.02
    no_prox: bool = False
    d0: Positive = 1e-6
    growth_rate: Growth = inf

    d: ClassVar[Any]
    gsq_weighted: ClassVar[Any]

    counts_steps = False
    measures = ("square", "distance", "gradients")
    learned = ("d", "gsq_weighted")
    refuses = OTHERWISE

    def update(self, param, grad, exp_avg, exp_avg_diff, exp_avg_sq: Unsigned, s, prev):
        if not self.lr:
            nothing = total(grad < -inf)
            return param, exp_avg, exp_avg_diff, exp_avg_sq, s, prev, nothing, nothing, nothing
        beta1, beta2, beta3 = self.betas
        rate = self.lr * self.d
        change = where(self.is_first_step, 0 * grad, grad - prev)
        ahead = grad + beta2 * change
        exp_avg = beta1 * exp_avg + (1 - beta1) * rate * grad
        exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * rate * change
        exp_avg_sq = beta3 * exp_avg_sq + (1 - beta3) * ahead * ahead
        root = sqrt(exp_avg_sq) + self.eps
        s = beta3 * s + (1 - beta3) * rate * grad
        if self.no_prox:
            param = param * (1 - rate * self.weight_decay)
        param = param - (exp_avg + beta2 * exp_avg_diff) / root
        if not self.no_prox:
            param = param / (1 + rate * self.weight_decay)
        sums = total(s * s / root), total(abs(s)), total(rate * grad * rate * grad / root)
        return param, exp_avg, exp_avg_diff, exp_avg_sq, s, grad, *sums

    @classmethod
    def start(cls, options):
        """Begin with the smallest estimate."""
        return {"d": options["d0"], "gsq_weighted": 0.0}

    def learn(self, square, distance, gradients):
        """Estimate the distance anew, and never smaller."""
        return by_all_steps(self, self.betas[2], square, distance, gradients)


def by_all_steps(self, beta, square, distance, gradients):
    """Bound the distance by the sum of all steps, less what each gradient has cost; `beta` is what they keep."""
    gradients = beta * self.gsq_weighted + (1 - beta) * gradients
    d = grown(self, (square / (1 - beta) - gradients) / distance)
    return where_known(self, distance, {"d": d, "gsq_weighted": gradients})


def grown(self, d_hat):
    """Let the estimate grow to a new one, but no faster than is allowed."""
    return maximum(self.d, d_hat if self.growth_rate == inf else minimum(d_hat, self.d * self.growth_rate))


def where_known(self, distance, new):
    """Learn nothing where nothing has moved yet."""
    return {name: where(distance > 0, value, getattr(self, name)) for name, value in new.items()}
