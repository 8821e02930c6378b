"""Groups by rules, and a learning rate by a short search: what a new project begins with."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import thalweg as optim

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 1))
inputs = torch.randn(1024, 8)
batches = DataLoader(TensorDataset(inputs, inputs[:, :2].prod(1, keepdim=True)), batch_size=64, shuffle=True)


def loss_of(model, batch):
    """A batch's loss: the search calls it with copies of the net."""
    return nn.functional.mse_loss(model(batch[0]), batch[1])


groups = optim.split(net, {"3.*": {"lr": 2e-3}})  # the last layer learns twice as fast; biases and norms do not decay
print(groups)
optimizer = optim.AdamW(groups, lr=1e-3)
found = optim.find_lr(net, optimizer, batches, loss_of)  # one factor for all groups; nothing is changed
print(found)
found.apply(optimizer)
for _ in range(5):
    for batch in batches:
        optimizer.zero_grad()
        loss = loss_of(net, batch)
        loss.backward()
        optimizer.step()
print(f"rates {[round(group['lr'], 4) for group in optimizer.param_groups]}, loss {loss.item():.4f}")
