"""Characters of English text, and the small GPT that guesses the next one."""

from __future__ import annotations

from functools import cache
from pydoc_data.topics import topics

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from .gpt import GPT
from .task import Task

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
"""What is told apart; any other character is a space."""

LENGTH, PIECES, TESTED = 32, 3000, 500
"""Characters of a piece of text, pieces to train with, and to test with."""


def character_gpt() -> GPT:
    """Make a GPT of two layers, 64 wide, for these characters: 105 thousand parameters."""
    return GPT(len(CHARACTERS), width=64, layers=2, heads=2)


@cache
def text() -> tuple[TensorDataset, TensorDataset]:
    """Cut Python's own help topics into pieces: the end of the text is never trained with."""
    place = {character: index for index, character in enumerate(CHARACTERS)}
    joined = "\n".join(topics[name] for name in sorted(topics))
    numbers = torch.tensor([place.get(character, place[" "]) for character in joined])
    generator, end = torch.Generator().manual_seed(0), len(numbers) * 9 // 10
    train = torch.randint(end - LENGTH - 1, (PIECES,), generator=generator)
    test = torch.randint(end, len(numbers) - LENGTH - 1, (TESTED,), generator=generator)
    return _pieces(numbers, train), _pieces(numbers, test)


def _pieces(numbers: Tensor, starts: Tensor) -> TensorDataset:
    """Cut out pieces, and the characters that follow each of theirs."""
    places = starts[:, None] + torch.arange(LENGTH)
    return TensorDataset(numbers[places], numbers[places + 1])


def loss(net: nn.Module, batch: list[Tensor]) -> Tensor:
    """Give the cross entropy of the next characters."""
    characters, following = batch
    return nn.functional.cross_entropy(net(characters).flatten(0, 1), following.flatten())


def accuracy(net: nn.Module, batch: list[Tensor]) -> Tensor:
    """Give the share of characters that are guessed."""
    characters, following = batch
    guessed: Tensor = net(characters).argmax(dim=-1)
    return (guessed == following).double().mean()


TEXT = Task("text", "the next character of Python's help topics", character_gpt, text, loss, accuracy, epochs=4)
