"""What is trained to compare formats: a net for digits, and a language model of characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from tasks import character_gpt
from thalweg.tools.tasks.digits import MNISTNet, digits


@dataclass(frozen=True)
class Task:
    """A net, its data and its loss, and a rate for each optimizer: picked once, by a small search in float32.

    For the GPT it is the best of a few, or between the best two, after 150 steps. For the digits it is a third to a
    tenth of the best: with that, a few hard images are all of the held-out loss, and chance alone changes it by several
    percent.
    """

    name: str
    title: str
    net: Callable[[], nn.Module]
    batches: Callable[[int], Iterator[tuple[Tensor, Tensor]]]
    held_out: Callable[[], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    steps: int
    seeds: int
    """How many times as many as asked for: a small net's loss differs more from seed to seed."""
    rates: Mapping[str, float]


GPT_STEPS, GPT_BATCH = 300, 12
DIGITS_STEPS, DIGITS_BATCH = 400, 32


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def likelihood(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.nll_loss(log_probabilities.float(), targets)


both_digits = cache(digits)


def digit_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    images, targets = both_digits()[0].tensors
    generator = torch.Generator().manual_seed(seed)
    for _ in range(DIGITS_STEPS):
        some = torch.randint(len(images), (DIGITS_BATCH,), generator=generator)
        yield images[some], targets[some]


TASKS = (
    Task(
        name="gpt",
        title="Character GPT",
        net=character_gpt.GPT,
        batches=lambda seed: character_gpt.batches(seed, GPT_STEPS, GPT_BATCH),
        held_out=character_gpt.held_out,
        loss=cross_entropy,
        steps=GPT_STEPS,
        seeds=1,
        rates={"AdamW": 2e-3, "SGD": 0.05, "RMSProp": 5e-4, "Adagrad": 5e-3},
    ),
    Task(
        name="digits",
        title="Handwritten digits",
        net=MNISTNet,
        batches=digit_batches,
        held_out=lambda: both_digits()[1].tensors,
        loss=likelihood,
        steps=DIGITS_STEPS,
        seeds=3,
        rates={"AdamW": 1e-3, "SGD": 0.02, "RMSProp": 1e-3, "Adagrad": 1e-2},
    ),
)
