"""Many fits of 100 points in one call, and SciPy's loops: `python benchmarks/many_fits.py [MODEL [COUNT [THREADS]]]`.

By default a million exponential decays on two threads; other models are named in MODELS, and "all" is each of them.
SciPy fits a sample, before and after, one data set after the other; its time is multiplied up. Both have two cores; its
loops use one of them. Seconds are those of a clock on the wall, and of processors, which other users disturb less.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

from thalweg.optimizers.closure import curve_fit

POINTS, SAMPLE, NOISE = 100, 300, 0.05
T = torch.linspace(0.04, 4, POINTS, dtype=torch.float64)


def decay(do: Any, t: Any, height: Any, rate: Any, floor: Any) -> Any:
    return height * do.exp(-rate * t) + floor


def sine(do: Any, t: Any, height: Any, frequency: Any, phase: Any) -> Any:
    return height * do.sin(2 * math.pi * frequency * t + phase)


def power_law(do: Any, t: Any, height: Any, exponent: Any, floor: Any) -> Any:
    return height * t**exponent + floor


def lorentzian(do: Any, t: Any, height: Any, center: Any, width: Any) -> Any:
    return height / (1 + ((t - center) / width) ** 2)


def gaussian(do: Any, t: Any, height: Any, center: Any, width: Any) -> Any:
    return height * do.exp(-(((t - center) / width) ** 2) / 2)


def logistic(do: Any, t: Any, height: Any, rate: Any, center: Any) -> Any:
    return height / (1 + do.exp(-rate * (t - center)))


def oscillation(do: Any, t: Any, height: Any, rate: Any, frequency: Any, phase: Any) -> Any:
    return height * do.exp(-rate * t) * do.cos(2 * math.pi * frequency * t + phase)


MODELS: dict[str, tuple[Callable[..., Any], list[float], list[float], list[float]]] = {
    "decay": (decay, [0.5] * 3, [2.0] * 3, [1.0] * 3),
    "sine": (sine, [0.5, 0.9, -0.5], [2.0, 1.1, 0.5], [1.0, 1.0, 0.0]),
    "power-law": (power_law, [0.5] * 3, [2.0] * 3, [1.0] * 3),
    "lorentzian": (lorentzian, [0.5, 1.5, 0.4], [2.0, 2.5, 1.0], [1.0, 2.0, 0.7]),
    "gaussian": (gaussian, [0.5, 1.5, 0.4], [2.0, 2.5, 1.0], [1.0, 2.0, 0.7]),
    "logistic": (logistic, [0.5, 1.5, 1.5], [2.0, 4.0, 2.5], [1.0, 2.0, 2.0]),
    "oscillation": (oscillation, [0.5, 0.2, 0.9, -0.5], [2.0, 0.8, 1.1, 0.5], [1.0, 0.5, 1.0, 0.0]),
}
"""A model, the least and the largest numbers of its true parameters, and where all fits start."""


def data(name: str, count: int) -> Tensor:
    """Return noisy values of the model, the truth drawn evenly between its limits."""
    model, low, high, _ = MODELS[name]
    generator = torch.Generator().manual_seed(0)
    least, most = torch.tensor([low, high], dtype=torch.float64)
    truth = least + (most - least) * torch.rand(count, len(low), dtype=torch.float64, generator=generator)
    noise = torch.randn(count, POINTS, dtype=torch.float64, generator=generator)
    return model(torch, T, *(column[:, None] for column in truth.unbind(1))).add_(noise, alpha=NOISE)


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what the work returns, and its seconds: on the wall, and of processors."""
    wall, processors = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - wall, time.process_time() - processors


def by_curve_fit(model: Callable[..., Any], start: list[float], rows: np.ndarray) -> np.ndarray:
    return np.stack([scipy.optimize.curve_fit(model, T.numpy(), y, start)[0] for y in rows])


def by_least_squares(model: Callable[..., Any], start: list[float], rows: np.ndarray) -> np.ndarray:
    t = T.numpy()
    fits = [scipy.optimize.least_squares(lambda p, y=y: model(t, *p) - y, start) for y in rows]
    return np.stack([fit.x for fit in fits])


def compare(name: str, count: int) -> None:
    """Print how long the fits of a model take in one call, and in SciPy's loops."""
    model, _, _, start = MODELS[name]
    ours, theirs = partial(model, torch), partial(model, np)
    y = data(name, count)
    sample = y[:SAMPLE].numpy()
    curve_fit(ours, T, y[:1000], start, batched=True)
    loops = {"curve_fit": by_curve_fit, "least_squares": by_least_squares}
    before = {loop: timed(partial(work, theirs, start, sample)) for loop, work in loops.items()}
    (popt, _, information, message, _), wall, processors = timed(
        lambda: curve_fit(ours, T, y, start, batched=True, full_output=True)
    )
    after = {loop: timed(partial(work, theirs, start, sample)) for loop, work in loops.items()}
    print(f"{name}: {message} {information['nfev']} calls, {wall:.2f} s on the wall, {processors:.2f} s of processors")
    for loop in loops:
        seconds = [count / SAMPLE * (before[loop][i] + after[loop][i]) / 2 for i in (1, 2)]
        apart = np.abs(before[loop][0] - popt[:SAMPLE].numpy()).max()
        print(
            f"SciPy {loop}, {SAMPLE} measured twice: {seconds[0]:.0f} s on the wall, {seconds[0] / wall:.0f} times "
            f"ours; {seconds[1]:.0f} s of processors, {seconds[1] / processors:.0f} times ours; answers differ by "
            f"{apart:.1g}"
        )


def main(name: str = "decay", count: str = "1_000_000", threads: str = "2") -> None:
    torch.set_num_threads(int(threads))
    for each in MODELS if name == "all" else [name]:
        compare(each, int(count))


if __name__ == "__main__":
    main(*sys.argv[1:])
