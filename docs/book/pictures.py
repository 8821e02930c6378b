"""The pictures of the primers, computed with the library itself: `python -m docs.book.pictures`."""

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes

import thalweg as optim
from thalweg.formula import COEFFICIENTS, Unsigned, orthogonalize, sqrt
from thalweg.hyper import Betas, NonNegative

PRIMERS = Path(__file__).parents[1] / "primers"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
STYLE = {
    "svg.hashsalt": "thalweg",  # the same file each time
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
}


class Uncorrected(optim.Optimizer):
    """Adam without its bias corrections."""

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)

    def update(self, param, grad, exp_avg, exp_avg_sq: Unsigned):
        """Take a step."""
        beta1, beta2 = self.betas
        exp_avg = beta1 * exp_avg + (1 - beta1) * grad
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad * grad
        return param - self.lr * exp_avg / (sqrt(exp_avg_sq) + 1e-8), exp_avg, exp_avg_sq


def walked(make: Callable[..., optim.Optimizer], start: torch.Tensor, gradients: list[torch.Tensor]) -> torch.Tensor:
    """Take a step with each gradient, and return where the parameter was after each, one row a step."""
    weight = start.clone().requires_grad_()
    optimizer, rows = make([weight]), []
    for gradient in gradients:
        weight.grad = gradient.to(weight.dtype)
        optimizer.step()
        rows.append(weight.detach().clone())
    return torch.stack(rows)


def epsilons(sizes: torch.Tensor, eps: float) -> torch.Tensor:
    """Return the length of Adam's first step, in units of lr, for gradients of each size."""
    [after] = walked(lambda params: optim.Adam(params, lr=1.0, eps=eps), torch.zeros_like(sizes), [sizes])
    return -after


def epsilon(axes: Axes) -> None:
    """Draw how long steps are for gradients of each size."""
    sizes = torch.logspace(-12, 1, 300, dtype=torch.float64)
    for eps in (1e-16, 1e-8, 1e-6, 1e-3):
        axes.semilogx(sizes, epsilons(sizes, eps), label=f"eps = {eps:g}")
    axes.set(xlabel="size of the gradient", ylabel="length of the step, in units of lr")
    axes.legend(frameon=False, loc="center right", bbox_to_anchor=(1.0, 0.35))


def lengths(make: Callable[..., optim.Optimizer], steps: int) -> torch.Tensor:
    """Return the length of each step, in units of lr, while the gradient is 1."""
    path = walked(make, torch.zeros(1, dtype=torch.float64), [torch.ones(1)] * steps)[:, 0]
    return -torch.diff(path, prepend=torch.zeros(1, dtype=torch.float64))


def bias_correction(axes: Axes) -> None:
    """Draw how long the first steps are, with and without the correction."""
    steps = torch.arange(1, 3001)
    axes.semilogx(steps, lengths(lambda params: Uncorrected(params, lr=1.0), 3000), label="without correction")
    axes.semilogx(steps, lengths(lambda params: optim.Adam(params, lr=1.0), 3000), label="with correction")
    axes.set(xlabel="step", ylabel="length of the step, in units of lr", ylim=(0, 7))
    axes.legend(frameon=False)


def left(make: Callable[..., optim.Optimizer], sizes: torch.Tensor, steps: int = 2000) -> torch.Tensor:
    """Return what is left of weights of 1 whose gradients are noise of each size, on average over 64 of each."""
    draw = torch.Generator().manual_seed(0)
    noise = [torch.randn(64, len(sizes), generator=draw) * sizes for _ in range(steps)]
    return walked(make, torch.ones(64, len(sizes)), noise)[-1].mean(0)


def decay(axes: Axes) -> None:
    """Draw what is left of weights after 2,000 steps, by the size of their gradients."""
    sizes = torch.logspace(-3, 1, 25)
    axes.semilogx(sizes, left(lambda p: optim.Adam(p, lr=1e-3, weight_decay=0.3), sizes), label="Adam: in the gradient")
    axes.semilogx(sizes, left(lambda p: optim.AdamW(p, lr=1e-3, weight_decay=0.3), sizes), label="AdamW: apart from it")
    axes.set(
        xlabel="size of the noise in a weight's gradient",
        ylabel="the weight after 2,000 steps, from 1",
        ylim=(-0.05, 1),
    )
    axes.legend(frameon=False)


def spectrum() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the singular values of a matrix like a layer's gradient, and of what Muon makes of it."""
    draw = torch.Generator().manual_seed(0)
    few = torch.randn(64, 3, generator=draw) @ torch.randn(3, 64, generator=draw)
    matrix = few + 0.1 * torch.randn(64, 64, generator=draw)
    update = orthogonalize(matrix, COEFFICIENTS["simple"], 5, 1e-7)
    return torch.linalg.svdvals(matrix), torch.linalg.svdvals(update.float())


def singular_values(axes: Axes) -> None:
    """Draw them, the largest first."""
    before, after = spectrum()
    axes.semilogy(range(1, 65), before / before[0], ".", label="the gradient, the largest being 1")
    axes.semilogy(range(1, 65), after, ".", label="Muon's update")
    axes.set(xlabel="singular value, the largest first", ylabel="its size")
    axes.legend(frameon=False, loc="lower left")


def climbs(rounding: str | None, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Return the path of a weight that should rise from 1 by 0.001 a step."""

    def make(params: list[torch.Tensor]) -> optim.Optimizer:
        return optim.SGD(params, lr=1e-3, rounding=rounding, seed=seed)

    return walked(make, torch.ones(1, dtype=dtype), [-torch.ones(1)] * 400)[:, 0].float()


def stochastic_rounding(axes: Axes) -> None:
    """Draw the path in float32, and in bfloat16 with each rounding."""
    runs = torch.stack([climbs("stochastic", torch.bfloat16, seed) for seed in range(24)])
    axes.plot(runs.T, color=COLOURS[1], alpha=0.15, linewidth=0.8)
    axes.plot(runs.mean(0), color=COLOURS[1], label="bfloat16, stochastic: the mean of 24 runs")
    axes.plot(climbs(None, torch.float32), color="black", linestyle=":", label="float32")
    axes.plot(climbs("nearest", torch.bfloat16), color=COLOURS[0], label="bfloat16, to the nearest")
    axes.set(xlabel="step", ylabel="the weight")
    axes.legend(frameon=False)


def loss_along(x: torch.Tensor) -> torch.Tensor:
    """Return the first function of Moré & Thuente 1994, whose minimum is at the root of 2."""
    return -x / (x * x + 2)


def trials(method: type[optim.Optimizer]) -> torch.Tensor:
    """Return where a method's first search has looked, from 0; the parameter is 1 there, which is its size."""
    x, seen = torch.ones(1, dtype=torch.float64, requires_grad=True), []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_along(x - 1).sum()
        loss.backward()
        seen.append(x.item() - 1)
        return loss

    optimizer = method([x], max_iter=1)
    optimizer.step(closure)
    return torch.tensor(seen, dtype=torch.float64)


def accepted(x: torch.Tensor, flatness: float, two_sided: bool) -> torch.Tensor:
    """Tell at which lengths a step may end: the loss has fallen, and the slope, -0.5 at first, is flatter."""
    slope = (x * x - 2) / (x * x + 2) ** 2
    is_flat = (slope >= -0.5 * flatness) & (slope <= 0.5 * flatness if two_sided else True)
    return is_flat & (loss_along(x) <= 0.01 * x * -0.5)


def line_search(axes: Axes) -> None:
    """Draw a loss along a line, where a step may end, and where two searches have looked."""
    x = torch.linspace(0, 6, 600, dtype=torch.float64)
    axes.plot(x, loss_along(x), color="black")
    axes.plot(x, -0.005 * x, color="black", linestyle="--", label="the loss must be below this line")
    of_each = {optim.LBFGS: (0.7, False, COLOURS[0], 0.12, "o"), optim.CG: (0.1, True, COLOURS[1], 0.25, "x")}
    for method, (flatness, two_sided, colour, alpha, mark) in of_each.items():
        name, seen = method.__name__, trials(method)
        ends = accepted(x, flatness, two_sided).numpy()
        axes.fill_between(
            x, -0.42, 0.02, where=ends, color=colour, alpha=alpha, label=f"a step of {name} may end here", linewidth=0
        )
        axes.plot(seen, loss_along(seen), mark, color=colour, label=f"where {name} has looked")
    axes.set(xlabel="length of the step", ylabel="the loss", ylim=(-0.42, 0.02))
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)


PICTURES = {
    "epsilon": epsilon,
    "bias-correction": bias_correction,
    "decay": decay,
    "orthogonalization": singular_values,
    "stochastic-rounding": stochastic_rounding,
    "line-search": line_search,
}


def draw(folder: Path) -> None:
    """Write every picture into a folder."""
    for name, picture in PICTURES.items():
        with plt.rc_context(STYLE):
            figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
            picture(axes)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)


if __name__ == "__main__":
    draw(PRIMERS)
