"""Give each layer options of its own: a learning rate for the convolutions, another for the rest.

An option that a group does not name is the optimizer's; a learning-rate scheduler moves each group's from where it is.
"""

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
optimizer = optim.SGD(
    [
        {"params": net.convolutions.parameters()},
        {"params": net.classifier.parameters(), "lr": 1e-2, "weight_decay": 1e-3},
    ],
    lr=5e-2,
    momentum=0.9,
)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)

for epoch in range(1, EPOCHS + 1):
    convolutions, classifier = scheduler.get_last_lr()
    for images, targets in data_batches:
        optimizer.zero_grad()
        loss = criterion(net(images), targets)
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(f"epoch {epoch:2}: lr {convolutions:.4f} and {classifier:.4f}, loss of the last batch {loss.item():.4f}")

images, targets = test.tensors
accuracy = (net(images).argmax(dim=1) == targets).double().mean()
print(f"test accuracy {accuracy:.1%}")
