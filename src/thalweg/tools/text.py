"""Characters of English text, and the small recurrent net that guesses the next one."""

from __future__ import annotations

from functools import cache
from pydoc_data.topics import topics

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from .tasks import Task

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
"""What is told apart; any other character is a space."""

LENGTH, PIECES, TESTED = 24, 3000, 500
"""Characters of a piece of text, pieces to train with, and to test with."""


class CharacterNet(nn.Module):
    """A gated recurrent net over embedded characters, with a layer that guesses."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(CHARACTERS), 32)
        self.cells = nn.GRU(32, 64, batch_first=True)
        self.head = nn.Linear(64, len(CHARACTERS))

    def forward(self, characters: Tensor) -> Tensor:
        """Give the logits of each next character."""
        logits: Tensor = self.head(self.cells(self.embed(characters))[0])
        return logits


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


TEXT = Task("text", "the next character of Python's help topics", CharacterNet, text, loss, accuracy, epochs=4)
