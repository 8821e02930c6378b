"""The usual schedule: the rate rises for a tenth of all steps, and then falls along a cosine to zero."""

import torch
from torch import nn

import thalweg as optim

STEPS, WARM_UP = 200, 20

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
inputs = torch.randn(256, 8)
targets = inputs[:, :2].prod(1, keepdim=True)

optimizer = optim.AdamW(net.parameters(), lr=1e-2)
rise = optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / WARM_UP, total_iters=WARM_UP)
fall = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS - WARM_UP)
schedule = optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[WARM_UP])

for step in range(STEPS):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(inputs), targets)
    loss.backward()
    optimizer.step()
    schedule.step()  # once a step, after the optimizer's
    if step in (0, WARM_UP - 1, STEPS - 1):
        print(f"after step {step + 1:3}: rate {optimizer.lr:.4f}, loss {loss.item():.4f}")
