"""Handwritten digits, and the small convolutional net that reads them."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from .task import Task


class MNISTNet(nn.Module):
    """LeNet's shape for 8x8 pixels: two convolutions, two linear layers, log-probabilities out."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(1, 16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.classifier = nn.Sequential(
            *(nn.Flatten(), nn.Linear(128, 64), nn.ReLU()),
            *(nn.Linear(64, 10), nn.LogSoftmax(dim=1)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Give the log-probability of each of the ten digits."""
        digits: Tensor = self.classifier(self.convolutions(images))
        return digits


def digits() -> tuple[TensorDataset, TensorDataset]:
    """Read scikit-learn's bundled digits: 1437 to train with and 360 to test with, always the same."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1  # 0..16 becomes -1..1
    targets = torch.tensor(data.target)
    train, test = train_test_split(range(len(targets)), test_size=0.2, stratify=targets, random_state=0)
    return TensorDataset(images[train], targets[train]), TensorDataset(images[test], targets[test])


def likelihood(net: nn.Module, batch: list[Tensor]) -> Tensor:
    """Give the negative log likelihood of the right digits."""
    images, targets = batch
    return nn.functional.nll_loss(net(images), targets)


def accuracy(net: nn.Module, batch: list[Tensor]) -> Tensor:
    """Give the share of digits that are read rightly."""
    images, targets = batch
    read: Tensor = net(images).argmax(dim=1)
    return (read == targets).double().mean()


DIGITS = Task("digits", "handwritten digits", MNISTNet, digits, likelihood, accuracy)
