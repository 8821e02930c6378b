"""A small language model of characters, and the text that it learns: the source of Python's own modules."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor, nn

MODULES = (
    *("argparse", "ast", "dataclasses", "difflib", "functools", "heapq"),
    *("inspect", "pathlib", "random", "statistics", "textwrap", "typing"),
)
"""What is read: much prose between the code. The text differs a little between versions of Python."""

HELD_OUT = 0.1
"""The end of each module is never trained with."""

CONTEXT, WIDTH, LAYERS, HEADS = 64, 160, 4, 4


@cache
def texts() -> tuple[Tensor, Tensor, int]:
    """Give the characters to train with and those held out, as numbers, and how many different ones there are."""
    sources = [inspect.getsource(importlib.import_module(name)) for name in MODULES]
    number = {character: index for index, character in enumerate(sorted(set("".join(sources))))}
    cuts = [int(len(source) * (1 - HELD_OUT)) for source in sources]

    def numbers(parts: list[str]) -> Tensor:
        return torch.tensor([number[character] for character in "".join(parts)])

    train = numbers([source[:cut] for source, cut in zip(sources, cuts, strict=True)])
    held_out = numbers([source[cut:] for source, cut in zip(sources, cuts, strict=True)])
    return train, held_out, len(number)


def windows(text: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Cut out pieces of the context's length, and the characters that follow each of theirs."""
    places = starts[:, None] + torch.arange(CONTEXT)
    return text[places], text[places + 1]


def batches(seed: int, steps: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw pieces of the training text: the same for the same seed."""
    train = texts()[0]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield windows(train, torch.randint(len(train) - CONTEXT, (size,), generator=generator))


def held_out() -> tuple[Tensor, Tensor]:
    """Cut all of the held-out text into pieces."""
    text = texts()[1]
    return windows(text, torch.arange(0, len(text) - CONTEXT, CONTEXT))


class GPT(nn.Module):
    """A causal transformer whose last layer is its first, transposed: 1.25 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.characters = nn.Embedding(texts()[2], WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        for name, param in self.named_parameters():
            if param.dim() == 2:
                # What adds to the sum of all layers starts smaller, as in GPT-2.
                nn.init.normal_(param, std=0.02 / (2 * LAYERS) ** 0.5 if name.endswith("out.weight") else 0.02)

    def forward(self, characters: Tensor) -> Tensor:
        """Give the logits of each next character."""
        known = self.characters(characters) + self.places.weight[: characters.shape[1]]
        return self.norm(self.blocks(known)) @ self.characters.weight.T


class Block(nn.Module):
    """Attention, then two layers, each added to what comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.layers = Attention(), Layers()

    def forward(self, known: Tensor) -> Tensor:
        known = known + self.attention(known)
        return known + self.layers(known)


class Attention(nn.Module):
    """Each place looks at those before it; written out, as torch's own is slow in bfloat16 on a CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.into = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.register_buffer("future", torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).triu(1), persistent=False)

    def forward(self, known: Tensor) -> Tensor:
        count, length, _ = known.shape
        split = self.into(self.norm(known)).view(count, length, 3, HEADS, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-1, -2)) * (WIDTH / HEADS) ** -0.5
        weights = weights.masked_fill(self.future[:length, :length], -torch.inf).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).reshape(count, length, WIDTH))


class Layers(nn.Module):
    """Two linear layers; rectified, as that is the fastest on a CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.into = nn.Linear(WIDTH, 4 * WIDTH)
        self.out = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, known: Tensor) -> Tensor:
        return self.out(nn.functional.relu(self.into(self.norm(known))))
