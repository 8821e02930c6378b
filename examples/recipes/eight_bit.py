"""States in 8 bits and parameters in bfloat16: a third of the memory, and one word each."""

import torch
from torch import nn

import thalweg as optim


def trained(dtype, **options):
    """Train a small net in a dtype; give its last loss, and the bytes of parameters and states."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 1)).to(dtype)
    inputs = torch.randn(256, 64)
    targets = inputs[:, :2].sum(1, keepdim=True).abs()
    optimizer = optim.AdamW(net.parameters(), lr=1e-2, **options)
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(inputs.to(dtype)).float(), targets)
        loss.backward()
        optimizer.step()
    share = optimizer.memory().all
    return loss.item(), share.parameters + share.states


for words, arguments in {
    "float32": (torch.float32, {}),
    "bfloat16, 8-bit states": (torch.bfloat16, {"state_dtype": "8bit", "rounding": "stochastic"}),
}.items():
    loss, size = trained(arguments[0], **arguments[1])
    print(f"{words:22} loss {loss:.4f}, parameters and states {size:,} bytes")
