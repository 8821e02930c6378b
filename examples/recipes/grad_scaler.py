"""Mixed precision with float16: a GradScaler multiplies the loss, and leaves out the steps that overflow."""

import torch
from torch import nn

import thalweg as optim

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)).to(device)
inputs = torch.randn(256, 8, device=device)
targets = inputs[:, :2].prod(1, keepdim=True)

# fused=True: the step itself divides by the scale, and clips afterwards, all in one pass over memory.
optimizer = optim.AdamW(net.parameters(), lr=1e-2, fused=True, max_grad_norm=1.0)
scaler = torch.amp.GradScaler(device, init_scale=2.0**30)  # so large that the first steps overflow

for step in range(100):
    optimizer.zero_grad()
    with torch.autocast(device, dtype=torch.float16):
        loss = nn.functional.mse_loss(net(inputs), targets)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    if step in (0, 99):
        print(f"step {step + 1:3}: scale {scaler.get_scale():.0f}, loss {loss.item():.4f}")
