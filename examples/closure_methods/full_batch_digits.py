"""The document's network by full-batch L-BFGS and conjugate gradients: the loss again, as often as they ask."""

import torch
from torch import nn

from thalweg.optimizers.closure import CG, LBFGS
from thalweg.tools.tasks.digits import MNISTNet, digits

train, test = digits()
images, targets = train.tensors
criterion = nn.NLLLoss()

for method in (LBFGS, CG):
    torch.manual_seed(0)
    net = MNISTNet()
    optimizer = method(net.parameters(), max_iter=10)

    def closure(net=net, optimizer=optimizer):
        optimizer.zero_grad()
        loss = criterion(net(images), targets) + 1e-4 * sum(p.square().sum() for p in net.parameters())
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
        print(f"{method.__name__:6} {optimizer.result}")
    accuracy = (net(test.tensors[0]).argmax(dim=1) == test.tensors[1]).double().mean()
    print(f"{method.__name__:6} test accuracy {accuracy:.1%}")
