"""Example 2: train a neural network with optimizer.step(), after calling backward() oneself."""

import torch
from torch import nn
from torch.utils.data import DataLoader

import thalweg as optim
from thalweg.tools.tasks.digits import MNISTNet, digits

EPOCHS = 10

torch.manual_seed(0)
train, test = digits()
data_batches = DataLoader(train, batch_size=32, shuffle=True)

net = MNISTNet()
criterion = nn.NLLLoss()
optimizer = optim.SGD(net.parameters(), lr=0.1)

for epoch in range(1, EPOCHS + 1):
    for images, targets in data_batches:
        optimizer.zero_grad()
        output = net(images)
        loss = criterion(output, targets)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch:2}: loss of the last batch {loss.item():.4f}")

images, targets = test.tensors
accuracy = (net(images).argmax(dim=1) == targets).double().mean()
print(f"test accuracy {accuracy:.1%}")
