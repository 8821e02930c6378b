"""A running average of the weights: trained with the ones, validated with the others."""

import torch
from torch import nn

import thalweg as optim

torch.manual_seed(0)
net = nn.Linear(8, 1)
optimizer = optim.SGD(net.parameters(), lr=0.1, ema_decay=0.98)  # the average is taken in the step's own pass


def loss_of(noise):
    """The noise of small batches keeps the weights from settling; their average settles."""
    inputs = torch.randn(16, 8)
    targets = inputs.sum(1, keepdim=True) + noise * torch.randn(16, 1)
    return nn.functional.mse_loss(net(inputs), targets)


for _ in range(400):
    optimizer.zero_grad()
    loss_of(noise=1.0).backward()
    optimizer.step()

with torch.no_grad():
    own = sum(loss_of(noise=0.0) for _ in range(50)) / 50
    with optimizer.averaged():
        average = sum(loss_of(noise=0.0) for _ in range(50)) / 50
print(f"loss of the weights {own:.4f}, of their average {average:.4f}")
