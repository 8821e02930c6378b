"""A physics-informed network solves u'' = -(2 pi)^2 sin(2 pi t), u(-1) = u(1) = 0, to many digits."""

import math
import sys

import torch
from torch import nn

from thalweg.optimizers.closure import LBFGS, SSBroyden

EVALUATIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

t = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None].requires_grad_()
force = -((2 * math.pi) ** 2) * torch.sin(2 * math.pi * t.detach())
ends = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)


def network():
    torch.manual_seed(0)
    layers = (nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1))
    return nn.Sequential(*layers).double()


def derivative(u):
    return torch.autograd.grad(u.sum(), t, create_graph=True)[0]


def loss_of(net):
    inside = derivative(derivative(net(t))) - force
    return inside.square().mean() + net(ends).square().mean()


for method in (LBFGS, SSBroyden):
    net = network()
    optimizer = method(net.parameters(), max_iter=EVALUATIONS, max_eval=EVALUATIONS, tolerance_grad=0)

    def closure(net=net, optimizer=optimizer):
        optimizer.zero_grad()
        loss = loss_of(net)
        loss.backward()
        return loss

    optimizer.step(closure)
    error = (net(t) - torch.sin(2 * math.pi * t)).abs().max().item()
    print(
        f"{method.__name__:10} loss {optimizer.result.value:.1e}  largest error {error:.1e}  {optimizer.result.message}"
    )
