"""Draw the paths of four methods on Rosenbrock's, Beale's and Himmelblau's functions, a panel for each path."""

import sys

import matplotlib as mpl
import torch

from thalweg.optimizers.closure import minimize

mpl.use("Agg")
import matplotlib.pyplot as plt


def rosenbrock(p):
    return 100 * (p[..., 1] - p[..., 0] ** 2) ** 2 + (1 - p[..., 0]) ** 2


def beale(p):
    x, y = p[..., 0], p[..., 1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def himmelblau(p):
    return (p[..., 0] ** 2 + p[..., 1] - 11) ** 2 + (p[..., 0] + p[..., 1] ** 2 - 7) ** 2


SCENES = [(rosenbrock, (-1.2, 1.0), 2.2), (beale, (1.0, 1.0), 4.2), (himmelblau, (0.0, 0.0), 4.8)]
METHODS = ("lbfgs", "cg", "newton-cg", "trust-region")

figure, rows = plt.subplots(
    len(SCENES), len(METHODS), figsize=(13, 10), sharex="row", sharey="row", layout="constrained"
)
for row, (function, start, size) in zip(rows, SCENES, strict=True):
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-size, size, 300)] * 2, indexing="xy"), -1)
    for axes, method in zip(row, METHODS, strict=True):
        path = [torch.tensor(start, dtype=torch.float64)]
        found = minimize(function, path[0], method, callback=path.append)
        across, up = torch.stack(path).T
        axes.contour(grid[..., 0], grid[..., 1], function(grid).log1p(), 25, colors="#999999", linewidths=0.4)
        axes.plot(across, up, ".-", color="#0072B2", linewidth=1, markersize=4)
        axes.plot(across[0], up[0], "o", color="#000000", label="start")
        axes.plot(across[-1], up[-1], "*", color="#D55E00", markersize=12, label="end")
        axes.set(title=f"{method}: {found.nfev + found.nhev} evaluations", xlim=(-size, size), ylim=(-size, size))
    row[0].set_ylabel(function.__name__, weight="bold")
rows[0, 0].legend(loc="lower left")
file = sys.argv[1] if len(sys.argv) > 1 else "trajectories.png"
figure.savefig(file, dpi=80)
print(f"{file}: the paths of {', '.join(METHODS)}")
