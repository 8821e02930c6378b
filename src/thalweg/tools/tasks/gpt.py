"""A small language model: a causal transformer after Llama's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

STD = 0.02
"""The standard deviation of the first weights, cut off at twice that."""

BASE = 10_000.0
"""The slowest pair of a head turns by one radian in about this many places."""


class GPT(nn.Module):
    """Embeddings, so many blocks of attention and gated layers, and the embeddings once more as the head.

    As in Touvron et al. 2023, "Llama 2: Open foundation and fine-tuned chat models", but for norms without a gain, so
    that every parameter is a matrix: sums over all places are normalized before each part, pairs of a head's numbers
    turn with their place, no linear map has a bias. https://arxiv.org/abs/2307.09288
    ``vocabulary`` is how many different tokens there are; ``width`` is a multiple of twice ``heads``. Gives logits of
    shape (..., length, vocabulary) for tokens of shape (..., length), of any length.
    """

    def __init__(self, vocabulary: int, width: int = 64, layers: int = 2, heads: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        for param in self.parameters():
            nn.init.trunc_normal_(param, std=STD, a=-2 * STD, b=2 * STD)

    def forward(self, tokens: Tensor) -> Tensor:
        """Give the logits of each next token."""
        known: Tensor = self.blocks(self.embed(tokens))
        return rms_norm(known, known.shape[-1:]) @ self.embed.weight.T


class Block(nn.Module):
    """Attention, then a gated layer, each added to what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.gated = Gated(width, 8 * -(-width // 3))  # 8/3 of the width, rounded up

    def forward(self, known: Tensor) -> Tensor:
        """Add what each part gives of the normalized sum."""
        known = known + self.attention(rms_norm(known, known.shape[-1:]))
        with_gated: Tensor = known + self.gated(rms_norm(known, known.shape[-1:]))
        return with_gated


class Attention(nn.Module):
    """Each place looks at itself and those before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, known: Tensor) -> Tensor:
        """Give each place a mean of the values before it, head by head."""
        query, key, value = (self.split(part(known)) for part in (self.query, self.key, self.value))
        found = scaled_dot_product_attention(turned(query), turned(key), value, is_causal=True)
        mixed: Tensor = self.out(found.transpose(-3, -2).flatten(-2))
        return mixed

    def split(self, numbers: Tensor) -> Tensor:
        """Give each head its own numbers: from (..., length, width) to (..., heads, length, width / heads)."""
        return numbers.view(*numbers.shape[:-1], self.heads, -1).transpose(-3, -2)


def turned(numbers: Tensor) -> Tensor:
    """Turn pairs of numbers by angles in proportion to their place (Su et al. 2021, https://arxiv.org/abs/2104.09864)."""
    length, half = numbers.shape[-2], numbers.shape[-1] // 2
    speeds = BASE ** (-torch.arange(half, device=numbers.device) / half)
    angles = torch.arange(length, device=numbers.device)[:, None] * speeds
    left, right = numbers[..., :half], numbers[..., half:]
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat((left * cosine - right * sine, left * sine + right * cosine), dim=-1)


class Gated(nn.Module):
    """Two linear maps of which one is the other's gate, and one back (Shazeer 2020, https://arxiv.org/abs/2002.05202)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, known: Tensor) -> Tensor:
        """Let one map open and close the other."""
        mixed: Tensor = self.down(silu(self.gate(known)) * self.up(known))
        return mixed
