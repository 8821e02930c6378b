"""A loop of timm: `thalweg.create` in place of `create_optimizer_v2`, under timm's scaler and schedule."""

import torch
from timm.scheduler import CosineLRScheduler
from timm.utils import NativeScaler
from torch import nn

import thalweg

torch.manual_seed(0)
inputs = torch.randn(256, 8)
targets = inputs[:, :2].prod(1, keepdim=True)
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))

optimizer = thalweg.create("timm.nadamw", model, lr=1e-2, weight_decay=0.05)
schedule = CosineLRScheduler(optimizer, t_initial=80, t_in_epochs=False)
scaler = NativeScaler(device="cpu")
for step in range(80):
    rows = torch.randint(len(inputs), (32,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs[rows]), targets[rows])
    scaler(loss, optimizer, clip_grad=1.0, parameters=model.parameters())
    schedule.step_update(num_updates=step + 1)
    if step in (0, 79):
        print(f"loss {loss.item():.4f}")
