"""Small trainings, each with an optimizer of its own, whose best learning rate a sweep can find in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import thalweg
from tasks import character_gpt
from thalweg.tools.tasks.digits import MNISTNet, digits


@dataclass(frozen=True)
class Task:
    """A net, its data, its loss, and the optimizer whose rate is sought."""

    name: str
    net: Callable[[], nn.Module]
    data: Callable[[], TensorDataset]
    loss: Callable[[nn.Module, Any], Tensor]
    optimizer: str
    options: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 32

    def built(self, net: nn.Module, lr: float) -> torch.optim.Optimizer:
        """Make the optimizer; what is Muon's companion's has a rate a tenth as large, as is usual."""
        kind = getattr(thalweg, self.optimizer)
        more = {"adamw_lr": lr / 10} if "adamw_lr" in kind.options else {}
        return kind(net.named_parameters(), lr=lr, **more, **self.options)

    def batches(self, seed: int) -> DataLoader:
        """Go through the data in an order that the seed decides."""
        order = torch.Generator().manual_seed(seed)
        return DataLoader(self.data(), self.batch_size, shuffle=True, drop_last=True, generator=order)


class Perceptron(nn.Sequential):
    """Linear layers with something between them."""

    def __init__(self, *widths: int, between: Callable[[int], list[nn.Module]]) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for into, out in pairwise(widths):
            layers += [nn.Linear(into, out), *between(out)]
        super().__init__(*layers[: -len(between(1))] if between(1) else layers)


class Recurrent(nn.Module):
    """A recurrent net that guesses the next character."""

    def __init__(self) -> None:
        super().__init__()
        characters = character_gpt.texts()[2]
        self.embed, self.cells = nn.Embedding(characters, 24), nn.GRU(24, 32, batch_first=True)
        self.head = nn.Linear(32, characters)

    def forward(self, characters: Tensor) -> Tensor:
        return self.head(self.cells(self.embed(characters))[0])


class Transformer(nn.Module):
    """Two layers of attention that guess the next character."""

    def __init__(self) -> None:
        super().__init__()
        characters = character_gpt.texts()[2]
        self.embed, self.places = nn.Embedding(characters, 32), nn.Embedding(LENGTH, 32)
        layer = lambda: nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True, norm_first=True)  # noqa: E731
        self.blocks, self.norm = nn.ModuleList(layer() for _ in range(2)), nn.LayerNorm(32)
        self.head = nn.Linear(32, characters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(LENGTH), persistent=False)

    def forward(self, characters: Tensor) -> Tensor:
        known = self.embed(characters) + self.places.weight
        for block in self.blocks:
            known = block(known, src_mask=self.mask, is_causal=True)
        return self.head(self.norm(known))


LENGTH = 16


@cache
def text() -> TensorDataset:
    """Cut 4,000 pieces out of the sources of Python's own modules."""
    train = character_gpt.texts()[0]
    starts = torch.randint(len(train) - LENGTH, (4000,), generator=torch.Generator().manual_seed(0))
    places = starts[:, None] + torch.arange(LENGTH)
    return TensorDataset(train[places], train[places + 1])


@cache
def images() -> TensorDataset:
    """The digits to train with."""
    return digits()[0]


@cache
def curves() -> TensorDataset:
    """Points of a wavy function of four numbers, with noise."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2000, 4, generator=generator)
    heights = (2 * points).sin().sum(1) + points[:, 0] * points[:, 1]
    return TensorDataset(points, heights + 0.1 * torch.randn(2000, generator=generator))


def likelihood(net: nn.Module, batch: Any) -> Tensor:
    inputs, targets = batch
    return nn.functional.cross_entropy(net(inputs).flatten(0, -2), targets.flatten())


def squares(net: nn.Module, batch: Any) -> Tensor:
    inputs, targets = batch
    return nn.functional.mse_loss(net(inputs).squeeze(1), targets)


def restored(net: nn.Module, batch: Any) -> Tensor:
    inputs, _ = batch
    return nn.functional.mse_loss(net(inputs), inputs.flatten(1))


def rectified(_: int) -> list[nn.Module]:
    return [nn.ReLU()]


def normalized(width: int) -> list[nn.Module]:
    return [nn.BatchNorm1d(width), nn.ReLU()]


def rounded(_: int) -> list[nn.Module]:
    return [nn.Tanh()]


def rectifying(*widths: int) -> Callable[[], nn.Module]:
    return lambda: Perceptron(*widths, between=rectified)


MOMENTUM = {"momentum": 0.9}

TASKS = (
    Task("digits, convolutions, AdamW", MNISTNet, images, likelihood, "AdamW"),
    Task("digits, convolutions, SGD", MNISTNet, images, likelihood, "SGD", MOMENTUM),
    Task(
        "digits, batch norm, SGD",
        lambda: Perceptron(64, 64, 64, 10, between=normalized),
        images,
        likelihood,
        "SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    Task("digits, one layer, Adagrad", rectifying(64, 10), images, likelihood, "Adagrad"),
    Task("digits, perceptron, Lion", rectifying(64, 64, 10), images, likelihood, "Lion"),
    Task("digits, autoencoder, Adam", rectifying(64, 32, 8, 32, 64), images, restored, "Adam"),
    Task("curve, perceptron, RMSProp", lambda: Perceptron(4, 64, 64, 1, between=rounded), curves, squares, "RMSProp"),
    Task("text, transformer, AdamW", Transformer, text, likelihood, "AdamW"),
    Task("text, transformer, Muon", Transformer, text, likelihood, "Muon"),
    Task("text, recurrent, NAdam", Recurrent, text, likelihood, "NAdam"),
)
"""What the finder is measured on; nothing was tuned on these."""

TUNED_ON = (
    Task("digits, perceptron, AdamW", rectifying(64, 64, 64, 10), images, likelihood, "AdamW"),
    Task("digits, batch norm, Lion", lambda: Perceptron(64, 64, 10, between=normalized), images, likelihood, "Lion"),
    Task("digits, autoencoder, SGD", rectifying(64, 32, 8, 32, 64), images, restored, "SGD", MOMENTUM),
    Task("digits, one layer, Adam", rectifying(64, 10), images, likelihood, "Adam"),
    Task("digits, perceptron, Muon", rectifying(64, 64, 64, 10), images, likelihood, "Muon"),
    Task("curve, perceptron, NAdam", lambda: Perceptron(4, 64, 64, 1, between=rounded), curves, squares, "NAdam"),
    Task("curve, perceptron, SGD", rectifying(4, 64, 64, 1), curves, squares, "SGD", MOMENTUM),
    Task("text, transformer, SGD", Transformer, text, likelihood, "SGD", MOMENTUM),
    Task("digits, convolutions, Adam", MNISTNet, images, likelihood, "Adam"),
    Task("digits, batch norm, AdamW", lambda: Perceptron(64, 64, 10, between=normalized), images, likelihood, "AdamW"),
    Task("digits, perceptron, SGD", rectifying(64, 64, 64, 10), images, likelihood, "SGD", MOMENTUM),
    Task("digits, perceptron, Adagrad", rectifying(64, 64, 10), images, likelihood, "Adagrad"),
    Task("digits, autoencoder, Lion", rectifying(64, 32, 8, 32, 64), images, restored, "Lion"),
    Task("curve, perceptron, AdamW", lambda: Perceptron(4, 64, 64, 1, between=rounded), curves, squares, "AdamW"),
    Task("text, transformer, Lion", Transformer, text, likelihood, "Lion"),
)
"""Others, by which the finder's numbers were chosen."""


def batches_without_end(task: Task, seed: int) -> Iterator[Any]:
    """Go through the data again and again."""
    loader = task.batches(seed)
    while True:
        yield from loader
