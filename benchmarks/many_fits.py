"""A million exponential fits of 100 points in one call against SciPy's loops: `python benchmarks/many_fits.py`.

SciPy fits a sample, before and after, one data set after the other; its time is multiplied up. Both have two cores; its
loops use one of them. Seconds are those of a clock on the wall, and of processors, which other users disturb less.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

from thalweg.optimizers.closure import curve_fit

POINTS, SAMPLE = 100, 300
T = torch.linspace(0, 4, POINTS, dtype=torch.float64)
START = [1.0, 1.0, 1.0]


def decay(t: Tensor, height: Tensor, rate: Tensor, floor: Tensor) -> Tensor:
    return height * torch.exp(-rate * t) + floor


def numpys(t: np.ndarray, height: float, rate: float, floor: float) -> np.ndarray:
    return height * np.exp(-rate * t) + floor


def data(count: int) -> Tensor:
    """Return noisy decays: each number of the truth from 0.5 to 2, noise of 0.05."""
    generator = torch.Generator().manual_seed(0)
    truth = 0.5 + 1.5 * torch.rand(count, 3, dtype=torch.float64, generator=generator)
    noise = torch.randn(count, POINTS, dtype=torch.float64, generator=generator)
    return decay(T, *(column[:, None] for column in truth.unbind(1))).add_(noise, alpha=0.05)


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """Return what the work returns, and its seconds: on the wall, and of processors."""
    wall, processors = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - wall, time.process_time() - processors


def by_curve_fit(rows: np.ndarray) -> np.ndarray:
    return np.stack([scipy.optimize.curve_fit(numpys, T.numpy(), y, START)[0] for y in rows])


def by_least_squares(rows: np.ndarray) -> np.ndarray:
    t = T.numpy()
    fits = [scipy.optimize.least_squares(lambda p, y=y: numpys(t, *p) - y, START) for y in rows]
    return np.stack([fit.x for fit in fits])


def main(count: int) -> None:
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
    y = data(count)
    sample = y[:SAMPLE].numpy()
    curve_fit(decay, T, y[:1000], START, batched=True)
    loops = {"curve_fit": by_curve_fit, "least_squares": by_least_squares}
    before = {name: timed(lambda work=work: work(sample)) for name, work in loops.items()}
    (popt, _, information, message, _), wall, processors = timed(
        lambda: curve_fit(decay, T, y, START, batched=True, full_output=True)
    )
    after = {name: timed(lambda work=work: work(sample)) for name, work in loops.items()}
    print(f"{message} {information['nfev']} calls, {wall:.1f} s on the wall, {processors:.1f} s of processors")
    for name in loops:
        theirs = [count / SAMPLE * (before[name][i] + after[name][i]) / 2 for i in (1, 2)]
        apart = np.abs(before[name][0] - popt[:SAMPLE].numpy()).max()
        print(
            f"SciPy {name}, {SAMPLE} measured twice: {theirs[0]:.0f} s on the wall, {theirs[0] / wall:.0f} times ours; "
            f"{theirs[1]:.0f} s of processors, {theirs[1] / processors:.0f} times ours; answers differ by {apart:.1g}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
