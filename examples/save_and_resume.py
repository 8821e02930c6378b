"""Stop a training, save it, load it, go on: bit for bit what it would have been without the stop."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn
from torch.utils.data import DataLoader

import thalweg as optim
from thalweg.tools.tasks.digits import MNISTNet, digits

train, _ = digits()
criterion = nn.NLLLoss()


def start():
    """Make a net and its optimizer."""
    torch.manual_seed(0)
    net = MNISTNet()
    return net, optim.Adam(net.parameters(), lr=1e-2)


def train_epoch(net, optimizer, epoch):
    """Go through the images once, in an order that the number of the epoch decides."""
    order = torch.Generator().manual_seed(epoch)
    for images, targets in DataLoader(train, batch_size=32, shuffle=True, generator=order):
        optimizer.zero_grad()
        loss = criterion(net(images), targets)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss of the last batch {loss.item():.4f}")


def save(net, optimizer, epoch, path):
    """Keep what a training is: the net, the optimizer's state, and how far it went."""
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, path)


def load(path):
    """Read it back; weights_only=True runs no code that a file may hold."""
    saved = torch.load(path, weights_only=True)
    net, optimizer = start()
    net.load_state_dict(saved["net"])
    optimizer.load_state_dict(saved["optimizer"])
    return net, optimizer, saved["epoch"]


print("Four epochs without a stop:")
net, optimizer = start()
for epoch in range(1, 5):
    train_epoch(net, optimizer, epoch)

print("Two epochs, saved:")
stopped, optimizer = start()
for epoch in range(1, 3):
    train_epoch(stopped, optimizer, epoch)

with TemporaryDirectory() as folder:
    path = Path(folder) / "training.pt"
    save(stopped, optimizer, epoch, path)
    print("Loaded, two epochs more:")
    resumed, optimizer, epochs_done = load(path)

for epoch in range(epochs_done + 1, 5):
    train_epoch(resumed, optimizer, epoch)

same = all(map(torch.equal, net.parameters(), resumed.parameters()))
print(f"bit-identical: {same}")
