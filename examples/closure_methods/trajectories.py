"""Draw the ways of the methods on Rosenbrock's, Beale's and Himmelblau's functions."""

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

figure, rows = plt.subplots(1, len(SCENES), figsize=(15, 5), constrained_layout=True)
for axes, (function, start, size) in zip(rows, SCENES, strict=True):
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-size, size, 300)] * 2, indexing="xy"), -1)
    axes.contour(grid[..., 0], grid[..., 1], function(grid).log1p(), 25, cmap="YlGnBu_r", linewidths=0.6)
    for method in METHODS:
        way = [torch.tensor(start, dtype=torch.float64)]
        found = minimize(function, way[0], method, callback=way.append)
        points = torch.stack(way)
        axes.plot(
            points[:, 0], points[:, 1], ".-", label=f"{method}: {found.nfev + found.nhev}", linewidth=1, markersize=4
        )
    axes.set(title=f"{function.__name__}: evaluations", xlim=(-size, size), ylim=(-size, size))
    axes.legend(fontsize=8)
path = sys.argv[1] if len(sys.argv) > 1 else "trajectories.png"
figure.savefig(path, dpi=110)
print(f"{path}: the ways of {', '.join(METHODS)}")
