"""What a step measures by itself, in Aim: ten lines."""

import torch
from aim import Run
from torch import nn

import thalweg as optim

torch.manual_seed(0)
net, inputs = nn.Linear(8, 1), torch.randn(64, 8)
optimizer = optim.AdamW(net.parameters(), lr=1e-2, track=True)  # measures norms in the step's own pass, after unscaling
run = Run(experiment="demo")
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(inputs), inputs.sum(1, keepdim=True))
    loss.backward()
    optimizer.step()
    if step % 5 == 0:  # reading them waits for a GPU: not in every step
        known = {"loss": loss.item(), "lr": optimizer.lr, **optimizer.metrics}
        for name, value in known.items():
            run.track(value, name=name, step=step, context={"subset": "train"})
run.close()
