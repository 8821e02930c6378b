"""10,000 small problems at once against a loop over SciPy: `python benchmarks/batch.py`."""

from __future__ import annotations

import time

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

from thalweg.optimizers.closure import minimize

PROBLEMS, SAMPLE = 10_000, 200


def valley(x: Tensor) -> Tensor:
    return 100 * (x[..., 1] - x[..., 0] ** 2) ** 2 + (1 - x[..., 0]) ** 2


def both(x: np.ndarray) -> tuple[float, np.ndarray]:
    leaf = torch.tensor(x, requires_grad=True)
    value = valley(leaf)
    value.backward()
    return float(value.detach()), leaf.grad.numpy()


def main() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(PROBLEMS, 2, dtype=torch.float64, generator=generator)
    starts = torch.tensor([-1.2, 1.0], dtype=torch.float64) + noise
    minimize(valley, starts[:10], "bfgs", batched=True)
    begin = time.thread_time()
    found = minimize(valley, starts, "bfgs", batched=True)
    ours = time.thread_time() - begin
    begin = time.thread_time()
    for start in starts[:SAMPLE]:
        scipy.optimize.minimize(both, start.numpy(), jac=True, method="L-BFGS-B")
    theirs = (time.thread_time() - begin) * PROBLEMS / SAMPLE
    print(found.message)
    print(f"{PROBLEMS} problems: {ours:.2f} s; a loop over SciPy L-BFGS-B, {SAMPLE} measured: {theirs:.0f} s", end="; ")
    print(f"{theirs / ours:.0f} times")


if __name__ == "__main__":
    main()
