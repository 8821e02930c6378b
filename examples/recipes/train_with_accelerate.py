"""Accelerate: the optimizer is prepared like any other; clipping happens within the step, by an option."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import thalweg

torch.manual_seed(0)
inputs = torch.randn(256, 8)
loader = DataLoader(TensorDataset(inputs, inputs[:, :2].prod(1, keepdim=True)), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = thalweg.create("adopt_adamw", model, lr=1e-2, max_grad_norm=1.0)

accelerator = Accelerator(cpu=True)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
losses = []
for _ in range(25):
    for batch, targets in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(batch), targets)
        accelerator.backward(loss)
        optimizer.step()
        losses.append(loss.item())
print(f"loss {losses[0]:.4f}")
print(f"loss {losses[-1]:.4f}")
print(f"clipped in {optimizer.optimizer.metrics['clipped']} steps")
