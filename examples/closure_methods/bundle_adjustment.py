"""Cameras and points from where the points appear in the pictures; one match in ten is wrong."""

import torch

from thalweg.optimizers.closure import least_squares

torch.manual_seed(0)
CAMERAS, POINTS, NOISE = 4, 12, 1e-3


def rotated(vectors, turns):
    """Turn each point by each camera's rotation vector: Rodrigues' formula."""
    angle = turns.norm(dim=-1, keepdim=True) + 1e-12
    axis = (turns / angle)[:, None].expand(-1, POINTS, -1)
    angle = angle[:, None]
    along = (axis * vectors).sum(-1, keepdim=True)
    across = torch.linalg.cross(axis, vectors.expand_as(axis))
    return vectors * angle.cos() + across * angle.sin() + axis * along * (1 - angle.cos())


def pictures(p):
    """Return where each camera sees each point, shape (cameras, points, 2)."""
    seen = rotated(p["points"], p["turns"]) + p["places"][:, None]
    return seen[..., :2] / seen[..., 2:]


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


truth = {
    "points": normal(POINTS, 3),
    "turns": 0.3 * normal(CAMERAS, 3),
    "places": torch.tensor([0.0, 0.0, 6.0], dtype=torch.float64) + 0.5 * normal(CAMERAS, 3),
}
sharp = pictures(truth)
matches = sharp + NOISE * normal(*sharp.shape)
wrong = torch.rand(CAMERAS, POINTS) < 0.1
matches[wrong] += 0.3 * normal(int(wrong.sum()), 2)
start = {name: value + 0.05 * normal(*value.shape) for name, value in truth.items()}


def error(p):
    """Return how far from their true places in the pictures points appear, in noises; wrong matches do not count."""
    return (pictures(p) - sharp)[~wrong].square().mean().sqrt() / NOISE


# No picture tells where the whole scene stands, how it is turned or how large it is: a fit leaves that near the start.
print(f"{int(wrong.sum())} of {wrong.numel()} matches are wrong")
print(f"at the start points appear {error(start):.1f} noises from where they are")
for loss in ("linear", "huber", "cauchy"):
    found = least_squares(lambda p: pictures(p) - matches, start, loss=loss, f_scale=3 * NOISE, max_iter=30)
    print(f"{loss:6} loss: {error(found.x):6.2f} noises, {found.nfev} evaluations")
