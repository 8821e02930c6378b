"""Small trainings by which the numbers of `thalweg.find_lr` are chosen; it is measured on those of find_lr.py alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tasks import character_gpt
from tasks.find_lr import (
    Perceptron,
    Task,
    curves,
    images,
    likelihood,
    normalized,
    rectified,
    restored,
    rounded,
    squares,
)

SAMPLES = 2000


class Residual(nn.Module):
    """Blocks with layer norms, each added to what goes into it."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(inputs, width), nn.Linear(width, outputs)
        block = lambda: nn.Sequential(  # noqa: E731
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.blocks = nn.ModuleList(block() for _ in range(2))

    def forward(self, inputs: Tensor) -> Tensor:
        known = self.stem(inputs.flatten(1))
        for block in self.blocks:
            known = known + block(known)
        return self.head(known)


class Context(nn.Module):
    """A perceptron that guesses a character from those before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        characters = character_gpt.texts()[2]
        self.embed, self.head = nn.Embedding(characters, 16), nn.Linear(width, characters)
        self.hidden = nn.Linear(16 * LENGTH, width)

    def forward(self, characters: Tensor) -> Tensor:
        return self.head(self.hidden(self.embed(characters).flatten(1)).tanh())


class Tastes(nn.Module):
    """How much people like things: products of vectors that are learned for each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(60, width), nn.Embedding(60, width)

    def forward(self, pairs: Tensor) -> Tensor:
        return (self.people(pairs[:, 0]) * self.things(pairs[:, 1])).sum(1, keepdim=True)


class Signals(nn.Sequential):
    """Convolutions along a signal."""

    def __init__(self, width: int) -> None:
        convolution = lambda into: [nn.Conv1d(into, width, 5, stride=2, padding=2), nn.BatchNorm1d(width), nn.ReLU()]  # noqa: E731
        super().__init__(*convolution(1), *convolution(width), nn.Flatten(), nn.Linear(8 * width, 4))


LENGTH = 6


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def contexts() -> TensorDataset:
    """Cut pieces out of the sources of Python's own modules, each with the character that follows."""
    train = character_gpt.texts()[0]
    starts = torch.randint(len(train) - LENGTH, (4000,), generator=drawn(1))
    return TensorDataset(train[starts[:, None] + torch.arange(LENGTH)], train[starts + LENGTH])


@cache
def spirals() -> TensorDataset:
    """Three arms in the plane, with noise."""
    arm = torch.randint(3, (SAMPLES,), generator=drawn(2))
    far = torch.rand(SAMPLES, generator=drawn(3))
    angle = 4 * far + 2.1 * arm + 0.15 * torch.randn(SAMPLES, generator=drawn(4))
    return TensorDataset(torch.stack([far * angle.cos(), far * angle.sin()], 1), arm)


@cache
def clusters() -> TensorDataset:
    """Eight clusters that overlap, in twenty directions of unlike scale."""
    kind = torch.randint(8, (SAMPLES,), generator=drawn(5))
    centers = 1.5 * torch.randn(8, 20, generator=drawn(6))
    scales = torch.logspace(-1, 1, 20)
    return TensorDataset((centers[kind] + torch.randn(SAMPLES, 20, generator=drawn(7))) * scales, kind)


@cache
def teachers() -> TensorDataset:
    """What a net of random weights says."""
    points = torch.randn(SAMPLES, 16, generator=drawn(8))
    hidden = (points @ torch.randn(16, 8, generator=drawn(9)) / 3).tanh()
    return TensorDataset(points, hidden @ torch.randn(8, generator=drawn(10)))


@cache
def planes() -> TensorDataset:
    """A linear function of directions whose scales lie far apart, with noise."""
    points = torch.randn(SAMPLES, 10, generator=drawn(11)) * torch.logspace(-1.5, 0.5, 10)
    heights = points @ torch.randn(10, generator=drawn(12)) + 0.3 * torch.randn(SAMPLES, generator=drawn(13))
    return TensorDataset(points, heights)


@cache
def signals() -> TensorDataset:
    """Waves of four shapes, shifted and noisy."""
    kind = torch.randint(4, (SAMPLES,), generator=drawn(14))
    place = torch.linspace(0, 12, 32) + 6 * torch.rand(SAMPLES, 1, generator=drawn(15))
    waves = torch.stack([place.sin(), place.sin().sign(), (place / 3).frac(), (2 * place).sin() * place.cos()], 1)
    picked = waves[torch.arange(SAMPLES), kind] + 0.5 * torch.randn(SAMPLES, 32, generator=drawn(16))
    return TensorDataset(picked[:, None], kind)


@cache
def ratings() -> TensorDataset:
    """How much sixty people like sixty things, which four of their traits decide."""
    pairs = torch.randint(60, (SAMPLES, 2), generator=drawn(17))
    people, things = torch.randn(2, 60, 4, generator=drawn(18))
    noise = 0.3 * torch.randn(SAMPLES, generator=drawn(19))
    return TensorDataset(pairs, (people[pairs[:, 0]] * things[pairs[:, 1]]).sum(1) / 2 + noise)


def layers(*widths: int, between: Callable[[int], list[nn.Module]] = rectified) -> Callable[[], nn.Module]:
    return lambda: Perceptron(*widths, between=between)


def task(what: str, optimizer: str, options: dict[str, Any] | None = None, batch_size: int = 32) -> Task:
    net, data, loss = NETS[what]
    return Task(f"{what}, {optimizer}", net, data, loss, optimizer, options or {}, batch_size)


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[], TensorDataset], Callable[[nn.Module, Any], Tensor]]] = {
    "digits, narrow": (layers(64, 24, 10), images, likelihood),
    "digits, wide": (layers(64, 256, 10), images, likelihood),
    "digits, deep": (layers(64, 32, 32, 32, 32, 10), images, likelihood),
    "digits, residual": (lambda: Residual(64, 32, 10), images, likelihood),
    "digits, deep batch norm": (layers(64, 48, 48, 48, 10, between=normalized), images, likelihood),
    "digits, narrow autoencoder": (layers(64, 24, 4, 24, 64, between=rounded), images, restored),
    "curve, rectified": (layers(4, 48, 48, 1), curves, squares),
    "curve, residual": (lambda: Residual(4, 32, 1), curves, squares),
    "spirals": (layers(2, 32, 32, 3, between=rounded), spirals, likelihood),
    "spirals, wide": (layers(2, 128, 3), spirals, likelihood),
    "clusters": (layers(20, 40, 8), clusters, likelihood),
    "clusters, one layer": (layers(20, 8), clusters, likelihood),
    "teacher": (layers(16, 32, 1, between=rounded), teachers, squares),
    "teacher, batch norm": (layers(16, 48, 48, 1, between=normalized), teachers, squares),
    "plane": (layers(10, 1), planes, squares),
    "signals": (lambda: Signals(8), signals, likelihood),
    "ratings": (lambda: Tastes(8), ratings, squares),
    "contexts": (lambda: Context(48), contexts, likelihood),
}

MOMENTUM = {"momentum": 0.9}

MORE = (
    task("digits, narrow", "SGD"),
    task("digits, narrow", "RMSProp"),
    task("digits, narrow", "Lion", None, 128),
    task("digits, wide", "AdamW"),
    task("digits, wide", "SGD", MOMENTUM, 128),
    task("digits, wide", "Muon"),
    task("digits, wide", "LAMB"),
    task("digits, deep", "Adam"),
    task("digits, deep", "SGD", MOMENTUM),
    task("digits, deep", "AdaBelief"),
    task("digits, residual", "AdamW"),
    task("digits, residual", "Lion"),
    task("digits, residual", "Muon"),
    task("digits, deep batch norm", "SGD", MOMENTUM, 64),
    task("digits, deep batch norm", "Adam"),
    task("digits, deep batch norm", "Adagrad"),
    task("digits, narrow autoencoder", "AdamW"),
    task("digits, narrow autoencoder", "RMSProp"),
    task("digits, narrow autoencoder", "NAdam", None, 64),
    task("curve, rectified", "Adam"),
    task("curve, rectified", "RAdam"),
    task("curve, rectified", "SGD", MOMENTUM, 64),
    task("curve, residual", "AdamW"),
    task("curve, residual", "Muon"),
    task("curve, residual", "Lion"),
    task("spirals", "Adam"),
    task("spirals", "SGD", MOMENTUM),
    task("spirals, wide", "RMSProp"),
    task("spirals, wide", "NAdam"),
    task("clusters", "AdamW"),
    task("clusters", "SGD"),
    task("clusters", "Adafactor"),
    task("clusters, one layer", "Adagrad"),
    task("clusters, one layer", "Adam"),
    task("teacher", "SGD", MOMENTUM),
    task("teacher", "AdamW"),
    task("teacher, batch norm", "Adam", None, 16),
    task("teacher, batch norm", "Lion"),
    task("plane", "Adam"),
    task("plane", "Adagrad"),
    task("signals", "AdamW"),
    task("signals", "SGD", MOMENTUM),
    task("signals", "Adan"),
    task("ratings", "Adam"),
    task("ratings", "SGD", MOMENTUM),
    task("contexts", "AdamW"),
    task("contexts", "SGD", MOMENTUM),
    task("contexts", "Lion"),
)
"""Nets, data and optimizers other than those of TASKS, paired."""
