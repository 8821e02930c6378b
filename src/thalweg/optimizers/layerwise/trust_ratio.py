"""Each parameter moves by a share of its own norm: for large batches, whose learning rates are large."""

from ...formula import Unsigned, minimum, sqrt, total_square, where
from ...hyper import Betas, Decay, NonNegative, Positive
from ...optimizer import Optimizer

__all__ = ["LAMB", "LARS"]


class TrustRatio(Optimizer):
    """What LAMB and LARS have in common: how a step depends on the parameter's norm is said in one way only."""

    @classmethod
    def check(cls, options, where=""):
        """Refuse a bound of the update beside what changes the trust ratio, which it stands in for."""
        super().check(options, where)
        if options["max_unorm"] is not None and options["trust_clip"]:
            raise ValueError(
                f"{cls.__name__} has no trust ratio where max_unorm bounds updates{where}, but got trust_clip=True "
                f"and max_unorm={options['max_unorm']}: leave one of them out"
            )


class LAMB(TrustRatio):
    """Adam's direction, with a length of lr times the parameter's norm.

    You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2, with
    phi(z) = z. https://arxiv.org/abs/1904.00962
    If the parameter or the direction is zero, the step is Adam's. The authors clip the gradients' common norm at 1:
    `max_grad_norm=1`.
    `trust_clip` keeps steps from becoming longer than Adam's, which is LAMBC. With `always_adapt=False` parameters
    without decay, as biases and norms often are, take Adam's steps, as in NVIDIA's code. `max_unorm` makes it what
    bitsandbytes calls LAMB: AdamW, whose direction is shortened to that share of the parameter's norm where it is
    longer; a parameter of zeros then stays zero.
    Tune: lr grows with the root of the batch size, from 2e-3 for batches of 512; no decay for biases and norms.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 1e-2
    trust_clip: bool = False
    always_adapt: bool = True
    max_unorm: Positive | None = None

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        m_hat = exp_avg / (1 - beta1**self.step_count)
        v_hat = exp_avg_sq / (1 - beta2**self.step_count)
        direction = m_hat / (sqrt(v_hat) + self.eps)
        if self.max_unorm is not None:
            step = self.lr * share(self.max_unorm * norm(param), norm(direction)) * direction
            return param * (1 - self.lr * self.weight_decay) - step, exp_avg, exp_avg_sq
        direction = self.weight_decay * param + direction
        trust = 1
        if self.always_adapt or self.weight_decay:
            trust = ratio(norm(param), norm(direction))
            trust = minimum(trust, 1) if self.trust_clip else trust
        return param - self.lr * trust * direction, exp_avg, exp_avg_sq


class LARS(TrustRatio):
    """Momentum of gradients that are scaled to a share of the parameter's norm.

    You, Gitman & Ginsburg 2017, "Large batch training of convolutional networks", algorithm 1.
    https://arxiv.org/abs/1708.03888
    If the parameter or its gradient is zero, the step is that of momentum.
    `trust_clip` keeps rates from becoming larger than lr, as LARC does; `nesterov` looks ahead along the momentum. With
    `always_adapt=False` parameters without decay take momentum's steps. `max_unorm` makes it what bitsandbytes calls
    LARS: SGD with momentum, whose step is shortened to lr times that share of the parameter's norm where it is longer;
    a parameter of zeros then stays zero.
    Tune: lr as for SGD, times the batch size over 256, after a warm-up; trust_coefficient 1e-3; no decay for biases and
    norms.
    """

    lr: NonNegative = 1e-1
    momentum: Decay = 0.9
    weight_decay: NonNegative = 5e-4
    trust_coefficient: NonNegative = 1e-3
    nesterov: bool = False
    trust_clip: bool = False
    always_adapt: bool = True
    max_unorm: Positive | None = None

    counts_steps = False

    def update(self, param, grad, momentum_buffer):
        if self.max_unorm is not None:
            grad = grad + self.weight_decay * param
            momentum_buffer = self.momentum * momentum_buffer + grad
            direction = grad + self.momentum * momentum_buffer if self.nesterov else momentum_buffer
            step = self.lr * share(self.max_unorm * norm(param), norm(direction)) * direction
            return param - step, momentum_buffer
        trust = 1
        if self.always_adapt or self.weight_decay:
            size, slope = norm(param), norm(grad)
            trust = ratio(self.trust_coefficient * size, slope + self.weight_decay * size)
            trust = minimum(trust / self.lr, 1) if self.trust_clip else trust
        step = self.lr * trust * (grad + self.weight_decay * param)
        momentum_buffer = self.momentum * momentum_buffer + step
        return param - (step + self.momentum * momentum_buffer if self.nesterov else momentum_buffer), momentum_buffer


def norm(x):
    """Give the length of a parameter as one vector."""
    return sqrt(total_square(x))


def share(size, length):
    """Give by how much a length is to be shortened to be no greater than a size."""
    return where(length > size, size / length, 1)


def ratio(size, length):
    """Divide, and give 1 where either is zero."""
    return where(size > 0, where(length > 0, size / length, 1), 1)
