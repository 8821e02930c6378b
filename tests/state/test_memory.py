"""What is kept: told before the first step, and the same after it."""

import pytest
import torch

import thalweg as optim
from thalweg.optimizer import registry

from ..traits import one_of_each, skip_where_refused

KINDS = tuple(f"thalweg.optimizers.{kind}." for kind in ("elementwise", "layerwise", "modelwise"))
CATALOGUE = [cls for cls in registry.values() if cls.__module__.startswith(KINDS) and torch.strided in cls.layouts]
OPTIONS = [
    {},
    {"state_dtype": "8bit"},
    {"state_dtype": "4bit"},
    {"state_dtype": torch.bfloat16, "rounding": "kahan"},
    {"rounding": "master", "ema_decay": 0.9},
    {"accumulate": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cls", one_of_each(CATALOGUE), ids=lambda cls: cls.__name__)
def test_told_before_the_first_step_is_what_is_there_after_it(cls, options):
    skip_where_refused(cls, options)
    params = [torch.nn.Parameter(torch.randn(shape).bfloat16()) for shape in [(70, 70), (5,), (513,)]]
    optimizer = cls([{"params": params[:1]}, {"params": params[1:]}], lr=0.1, **options)
    before = optimizer.memory()
    for _ in range(2):
        for param in params:
            param.grad = torch.randn_like(param)
        optimizer.step()
    assert optimizer.memory() == before
    there = sum(value.nbytes for state in optimizer.state.values() for value in state.values() if value.dim())
    assert before.all.states + before.all.compensation == there
    assert before.all.gradients == before.all.parameters == 2 * (4900 + 5 + 513)


@pytest.mark.parametrize("bits", [8, 4])
def test_so_many_bits_are_so_many_bits(bits):
    optimizer = optim.AdamW([torch.nn.Parameter(torch.ones(1 << 20))], state_dtype=f"{bits}bit")
    # two states, and for each block of 256 two scales of 32 bits
    assert optimizer.memory().all.states == 2 * (bits + 32 / 256) / 8 * (1 << 20)


def test_printed_it_is_a_table():
    optimizer = optim.AdamW([{"params": torch.ones(1000, 1000)}, {"params": torch.ones(5, requires_grad=True)}])
    assert str(optimizer.memory()).splitlines() == [
        "group  parameters  gradients  states  compensation  in all",
        "    0        4 MB        0 B    8 MB           0 B   12 MB",
        "    1        20 B       20 B    40 B           0 B    80 B",
        "  all        4 MB       20 B    8 MB           0 B   12 MB",
    ]
