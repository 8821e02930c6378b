"""Gradients over the roots of their mean products with themselves, by rows and by columns."""

from __future__ import annotations

from typing import Annotated

from ...formula import (
    Left,
    Right,
    Sides,
    Unsigned,
    in_blocks,
    inverse_root,
    iterated_root,
    lerp,
    matmul,
    sqrt,
    total_square,
    transpose,
)
from ...hyper import Betas, Count, Fraction, NonNegative, OneOf, Positive
from .real import RealOptimizer

__all__ = ["Shampoo"]


class Shampoo(RealOptimizer):
    """Gradients multiplied by inverse roots of their mean products: of rows from the left, of columns from the right.

    Gupta, Koren & Singer 2018, "Shampoo: Preconditioned stochastic tensor optimization", algorithm 1,
    https://arxiv.org/abs/1802.09568, as it is used at scale: Shi et al. 2023, "A distributed data-parallel PyTorch
    implementation of the distributed Shampoo optimizer", algorithm 2. https://arxiv.org/abs/2309.06497
    Of the first paper's box this is `betas=(0, 0.999), shampoo_beta=1, grafting=None, precondition_frequency=1,
    weight_decay=0`, its first products being `matrix_eps` times the identity.

    Roots are taken first in step `start_preconditioning_step` (`precondition_frequency`, if None), and every
    `precondition_frequency` steps from then on: by eigenvalues, or with `root="newton"` by an iteration of products,
    for whole orders only. Where that fails the last root stays, and `metrics["failed_decompositions"]` counts it. The
    power is -`exponent`; if None, one over twice the number of sides that have a root: -1/4 on both sides, or -1/2 on
    one. A step has the length that `grafting`'s own would have: "adam", "rmsprop", "adagrad" (which adds squares up),
    "sgd", or its own where it is None; before there are roots, it is grafting's own step. betas[0] is the share of old
    gradients in their mean, betas[1] that of old squares, `shampoo_beta` that of old products (betas[1], if None), and
    1 adds them up. All means are corrected for starting at zero, except rmsprop's. `eps` is added to the roots of
    squares, `matrix_eps` to eigenvalues. Weights decay by lr * weight_decay, apart from the gradient.

    Of a tensor with more dimensions the first one is the rows, all others together are columns. A side longer than
    `block_size` is cut into the fewest blocks of one size that are no longer, and each has roots of its own; a side
    that nothing between half of it and itself divides is refused. Vectors have no roots, unless `precondition_1d`.
    Tune: AdamW's lr and weight_decay, with grafting="adam"; precondition_frequency from 1 to 100, as time allows.
    """

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    shampoo_beta: Fraction | None = None
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    precondition_frequency: Count = 10
    start_preconditioning_step: Count | None = None
    block_size: Count | None = 1024
    grafting: Annotated[str | None, OneOf((None, "sgd", "adagrad", "rmsprop", "adam"))] = "adam"
    root: Annotated[str, OneOf(("eigen", "newton"))] = "eigen"
    exponent: Positive | None = None
    matrix_eps: NonNegative = 1e-12
    precondition_1d: bool = False

    phases = ("before", "refresh", "between")

    def update(
        self,
        param,
        grad,
        exp_avg,
        exp_avg_sq: Unsigned,
        products_left: Left,
        products_right: Right,
        root_left: Left,
        root_right: Right,
    ):
        exp_avg = lerp(exp_avg, grad, 1 - self.betas[0])
        if self.grafting in ("adagrad", "rmsprop", "adam"):
            exp_avg_sq = self.gathered(exp_avg_sq, grad * grad, 1 if self.grafting == "adagrad" else self.betas[1])
        step = mean = exp_avg / (1 - self.betas[0] ** self.step_count)
        if self.is_matrix:
            products_left = self.gathered(products_left, matmul(grad, transpose(grad)), self.kept())
            root_left = self.inverse_root(products_left, root_left)
            step = step if self.phase == "before" else matmul(root_left, step)
        if self.is_matrix and self.ndim > 1:
            products_right = self.gathered(products_right, matmul(transpose(grad), grad), self.kept())
            root_right = self.inverse_root(products_right, root_right)
            step = step if self.phase == "before" else matmul(step, root_right)
        param = param * (1 - self.lr * self.weight_decay) - self.lr * self.grafted(step, mean, exp_avg_sq)
        return param, exp_avg, exp_avg_sq, products_left, products_right, root_left, root_right

    def initial_root_left(self):
        """Start as the identity, which stays where the first root is not found."""
        return 1.0

    initial_root_right = initial_root_left

    @classmethod
    def unfit(cls, param, options):
        """Real numbers are needed, and sides that can be cut."""
        if fault := super().unfit(param, options):
            return fault
        longest = options["block_size"]
        whole = cls.whole(tuple(param.shape), options)
        sizes = whole.count(param.shape)[1:] if whole else ()
        uncut = [size for size in sizes if not in_blocks(size, longest)]
        if not uncut:
            return None
        return f"{cls.__name__} cuts sides into blocks of one size, from half of block_size={longest} up to it", (
            f"has a side of {uncut[0]}, which none of them divides: choose a block_size near a divisor of {uncut[0]}, "
            "or None for whole sides, in a group of its own"
        )

    @classmethod
    def check(cls, options, where=""):
        """Refuse what the iteration has no order for."""
        super().check(options, where)
        exponent = options["exponent"]
        if options["root"] == "newton" and exponent is not None and not (1 / float(exponent)).is_integer():
            raise ValueError(
                f"{cls.__name__} needs exponent to be one over a whole number for root='newton'{where}, but got "
                f"{exponent}: choose 0.5, 0.25 or root='eigen'"
            )

    @classmethod
    def phase_of(cls, options, step):
        """Take roots every few steps, once there are enough gradients."""
        frequency, start = options["precondition_frequency"], options["start_preconditioning_step"]
        start = frequency if start is None else start
        if step < start:
            return "before"
        return "refresh" if step == start or step % frequency == 0 else "between"

    @classmethod
    def whole(cls, shape, options):
        """Take a vector as one column, where it is to have a root."""
        if len(shape) == 1 and options["precondition_1d"]:
            return Sides((0,), (), 1)
        return super().sides(shape, options)

    @classmethod
    def sides(cls, shape, options):
        """Cut long sides into blocks."""
        whole = cls.whole(shape, options)
        if whole is None:
            return None
        rows, columns = (in_blocks(size, options["block_size"]) for size in whole.count(shape)[1:])
        return Sides(whole.rows, whole.columns, whole.dims, (max(rows, 1), max(columns, 1)))

    def kept(self):
        """Give the share of old products."""
        return self.betas[1] if self.shampoo_beta is None else self.shampoo_beta

    def gathered(self, old, new, beta):
        """Take new squares or products into their mean, or add them up."""
        return old + new if bool(beta == 1) else lerp(old, new, 1 - beta)

    def corrected(self, gathered, beta):
        """Correct a mean for its start; a sum is what it is."""
        return gathered if bool(beta == 1) else gathered / (1 - beta**self.step_count)

    def inverse_root(self, products, last):
        """Take the inverse root of products, when it is due."""
        if self.phase in ("before", "between"):
            return last
        mean, order = self.corrected(products, self.kept()), 4 if self.ndim > 1 else 2
        if self.root == "newton":
            return iterated_root(mean, last, order if self.exponent is None else 1 / self.exponent, self.matrix_eps)
        return inverse_root(mean, last, 1 / order if self.exponent is None else self.exponent, self.matrix_eps)

    def grafted(self, step, mean, exp_avg_sq):
        """Give a step the length that another rule's would have."""
        if self.grafting is None:
            return step
        other = mean
        if self.grafting != "sgd":
            squares = self.corrected(exp_avg_sq, self.betas[1]) if self.grafting == "adam" else exp_avg_sq
            other = mean / (sqrt(squares) + self.eps)
        if not self.is_matrix or self.phase == "before":
            return other
        return step * sqrt(total_square(other)) / (sqrt(total_square(step)) + 1e-16)
