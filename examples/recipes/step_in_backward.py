"""Each parameter is stepped while gradients are computed, and its gradient freed: they never exist all at once."""

import torch
from torch import nn

import thalweg as optim

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
inputs = torch.randn(256, 8)
targets = inputs[:, :2].prod(1, keepdim=True)
optimizer = optim.AdamW(net.parameters(), lr=1e-2)
handle = optim.in_backward(net, optimizer)

for step in range(100):
    loss = nn.functional.mse_loss(net(inputs), targets)
    loss.backward()  # this is the step, too
    if step in (0, 99):
        kept = sum(param.grad is not None for param in net.parameters())
        print(f"step {step + 1:3}: loss {loss.item():.4f}, gradients kept: {kept}")
