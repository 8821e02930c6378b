"""Batches that are too large for memory, taken in pieces: four backward passes make one step."""

import torch
from torch import nn

import thalweg as optim

PIECES = 4


def trained(pieces, **options):
    """Train for ten steps on 64 examples each, in so many pieces."""
    torch.manual_seed(0)
    net = nn.Linear(8, 1)
    optimizer = optim.AdamW(net.parameters(), lr=1e-2, **options)
    for _ in range(10):
        inputs = torch.randn(64, 8)
        for piece in inputs.chunk(pieces):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(piece), piece.sum(1, keepdim=True)).backward()
            optimizer.step()  # with accumulate=4, the first three only gather, and the fourth steps along the mean
    return net.weight.detach()


whole, pieces = trained(1), trained(PIECES, accumulate=PIECES)
print(f"largest difference between whole batches and pieces: {(whole - pieces).abs().max():.1e}")
