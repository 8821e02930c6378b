"""What a step measures by itself, in TensorBoard: ten lines."""

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

import thalweg as optim

torch.manual_seed(0)
net, inputs = nn.Linear(8, 1), torch.randn(64, 8)
optimizer = optim.AdamW(net.parameters(), lr=1e-2, track=True)  # measures norms in the step's own pass, after unscaling
board = SummaryWriter("runs/demo")
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(inputs), inputs.sum(1, keepdim=True))
    loss.backward()
    optimizer.step()
    if step % 5 == 0:  # reading them waits for a GPU: not in every step
        known = {"loss": loss.item(), "lr": optimizer.lr, **optimizer.metrics}
        for name, value in known.items():
            board.add_scalar(f"train/{name}", value, step)
board.close()
