"""What is stepped: sets of parameters with gradients, from four large tensors to a thousand tiny ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Workload:
    """A set of parameter shapes, how often a step is repeated in one measurement, and what is asked of it."""

    name: str
    shapes: Callable[[], Iterator[tuple[int, ...]]]
    repeats: int

    def params(self) -> list[Tensor]:
        """Make the parameters, with gradients."""
        torch.manual_seed(0)
        params = [torch.randn(shape, requires_grad=True) for shape in self.shapes()]
        for param in params:
            param.grad = torch.randn_like(param)
        return params


def gpt(layers: int = 12, width: int = 240, words: int = 5_000, context: int = 256) -> Iterator[tuple[int, ...]]:
    """Shape a GPT-2 of 148 tensors, scaled down to 10 million elements."""
    yield (words, width)
    yield (context, width)
    for _ in range(layers):
        yield from [(width,), (width,), (3 * width, width), (3 * width,), (width, width), (width,)]
        yield from [(width,), (width,), (4 * width, width), (4 * width,), (width, 4 * width), (width,)]
    yield (width,)
    yield (width,)


def mlp(widths: tuple[int, ...] = (64, 32, 32, 10)) -> Iterator[tuple[int, ...]]:
    """Shape a perceptron of three layers: six tensors."""
    for inputs, outputs in pairwise(widths):
        yield (outputs, inputs)
        yield (outputs,)


WORKLOADS = [
    Workload("4 x 8M", lambda: iter([(8_000_000,)] * 4), 1),
    Workload("GPT, 148 tensors, 10M", gpt, 3),
    Workload("MLP, 6 tensors", mlp, 200),
    Workload("1,000 x 8", lambda: iter([(8,)] * 1_000), 5),
]
