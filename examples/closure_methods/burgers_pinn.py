"""A physics-informed network solves Burgers' equation u_t + u u_x = (0.01 / pi) u_xx, a shock and all.

Raissi, Perdikaris & Karniadakis 2019, "Physics-informed neural networks", section 2.1.
"""

import math
import sys

import torch
from torch import nn

from thalweg.optimizers.closure import SSBroyden

EVALUATIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 500

torch.manual_seed(0)
corner, sides = torch.tensor([0.0, -1.0]), torch.tensor([1.0, 2.0])
inside = (corner + sides * torch.rand(1000, 2, dtype=torch.float64)).requires_grad_()
x, t = torch.linspace(-1, 1, 100, dtype=torch.float64), torch.linspace(0, 1, 50, dtype=torch.float64)
start = torch.stack((torch.zeros_like(x), x), 1)
edge = torch.cat([torch.stack((t, torch.full_like(t, side)), 1) for side in (-1.0, 1.0)])
layers = (nn.Linear(2, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1))
net = nn.Sequential(*layers).double()


def loss_of():
    u = net(inside)
    (slope,) = torch.autograd.grad(u.sum(), inside, create_graph=True)
    u_t, u_x = slope[:, :1], slope[:, 1:]
    u_xx = torch.autograd.grad(u_x.sum(), inside, create_graph=True)[0][:, 1:]
    equation = u_t + u * u_x - 0.01 / math.pi * u_xx
    initial = net(start)[:, 0] + torch.sin(math.pi * x)
    return equation.square().mean() + initial.square().mean() + net(edge).square().mean()


optimizer = SSBroyden(net.parameters(), max_iter=EVALUATIONS, max_eval=EVALUATIONS // 5)


def closure():
    optimizer.zero_grad()
    loss = loss_of()
    loss.backward()
    return loss


for _ in range(5):
    optimizer.step(closure)
    print(optimizer.result)
